"""Published weights, read without their frameworks and without running code."""
