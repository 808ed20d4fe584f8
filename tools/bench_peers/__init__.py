"""What people use instead of adpersist, and what is left of a domain after each of them."""
