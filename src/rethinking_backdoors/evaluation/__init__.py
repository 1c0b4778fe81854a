"""What the truth says: accuracies and attack success, how well scores find the poison, the paper's tables over seeds."""
