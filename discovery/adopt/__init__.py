"""Change the owner of registrations: adopt and release."""
