"""Images as data: stacks of pixels, image files and image archives."""
