"""Memories of all services: one place to put, find and forget them."""
