"""User data, nginx, supervisor and Run Command documents from parameters: text in, text out."""
