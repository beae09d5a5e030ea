from .files import Stream as Stream
from .files import FileStream as FileStream
from .files import ItemStream as ItemStream, MappedStream as MappedStream
from .opening import is_stream as is_stream, stream as stream
from .preparing import StreamedData as StreamedData, prepare_stream as prepare_stream
