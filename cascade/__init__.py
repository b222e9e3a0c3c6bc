"""Runs an agent's tool loop on a small local model and hands single steps up when it should."""
