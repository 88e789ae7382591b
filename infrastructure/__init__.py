"""The AWS account that the portal lives in: its templates, and what makes, updates and removes them."""
