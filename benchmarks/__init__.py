"""Speed and honesty of the engine, and what folding saves, measured."""
