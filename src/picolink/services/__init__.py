"""What a node offers by itself, under `sys.`: one module each, loaded when first wanted."""
