from .routes import build_app as build_app
from .limits import ServingLimits as ServingLimits
from .receiving import Request as Request, Result as Result
from .service import Service as Service, load_services as load_services
