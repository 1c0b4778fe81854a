"""The attacks of the paper's Table 1: triggers, poisoning, and the adversarial step of the clean-label kind."""
