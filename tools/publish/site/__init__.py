"""The static site: sections make pages and files from the zoo, `build.py` writes them."""
