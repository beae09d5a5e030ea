from .captions import read_captions as read_captions
from .domain import ImageDomain as ImageDomain
from .folders import (
    decode_image as decode_image,
    encode_image as encode_image,
    image_shape as image_shape,
    image_files as image_files,
    read_images as read_images,
    read_labels as read_labels,
)
