"""A small shop: what is in the cart, what it costs, and the invoice. Money is counted in whole cents."""
