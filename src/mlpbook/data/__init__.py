"""The book's data: toy sets, a task with a known answer, MNIST, splits and batches.

The names of `toys`, `preparation` and `mnist` that pages use are repeated here, so that a page
needs one import. `augmentation` makes new training images.
"""

from mlpbook.data.mnist import MNIST, load_mnist, mnist_folder
from mlpbook.data.preparation import batches, split, standardize
from mlpbook.data.toys import (
    TeacherStudent,
    blobs,
    circles,
    moons,
    spirals,
    teacher_student,
    xor,
)

__all__ = [
    "MNIST",
    "TeacherStudent",
    "batches",
    "blobs",
    "circles",
    "load_mnist",
    "mnist_folder",
    "moons",
    "spirals",
    "split",
    "standardize",
    "teacher_student",
    "xor",
]
