"""The last line is not finished: `codegemma-complete examples/rectangle.py:15:41` completes it."""


class Rectangle:
    """A rectangle with sides parallel to the axes."""

    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def perimeter(self):
        return 2 * (self.width + self.he
