from .opening import open_session as open_session
from .session import Session as Session
