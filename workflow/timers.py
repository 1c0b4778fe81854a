import threading


def cancel_timers():
    """Let Snakemake end at once: it would first wait, up to 60 s, for its limit on jobs a minute (workflow/profiles/default)."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
