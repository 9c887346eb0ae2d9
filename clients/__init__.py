"""What is made for clients from the schema."""
