"""Checks of `cachemuster doctor`: what is missing before a sweep can succeed."""
