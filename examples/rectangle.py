"""A line here is not finished: `codegemma-complete examples/rectangle.py:9:9` completes it."""


class Rectangle:
    """A rectangle with sides parallel to the axes."""

    def __init__(self, width, height):
        self.width = width
        

    def area(self):
        """Return the area."""
        return self.width * self.height
