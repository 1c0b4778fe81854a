from rethinking_backdoors.cli import app

app()
