"""The keys, one module per section of the file. A model's attributes are spelled like its keys.

`base` holds what all models share. Each field has a default and the description the reference page prints.
"""
