"""How good takes are: their checks, and orders that draw until one passes."""
