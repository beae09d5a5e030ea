"""A stand-in for the hub of models on this machine: its API as huggingface_hub speaks it.

Repositories are dictionaries of files by commit. What is missing is answered as the hub does: by
a status and the header X-Error-Code.
"""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_marys_token"


class Repository:
    def __init__(self, private=False):
        self.private = private
        self.commits = {}
        self.branches = {}
        self.messages = {}
        self.commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")

    def commit(self, branch, files, message="made by hand"):
        text = f"{len(self.commits)}{branch}{message}{sorted(files)}"
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.messages[sha] = message
        self.branches[branch] = sha
        return sha

    def resolve(self, revision):
        if revision in self.branches:
            return self.branches[revision]
        return revision if revision in self.commits else None

    def files(self, revision="main"):
        return self.commits[self.resolve(revision)]


class Hub:
    def __init__(self):
        self.repositories = {}
        self.objects = {}
        self.requests = []
        self.large = (".safetensors",)
        self.is_down = False
        self.refuses = None

    def bytes_sent(self):
        return [path for method, path in self.requests if method == "GET" and "/resolve/" in path]


class Refusal(Exception):
    def __init__(self, status, code=None, message="", **more):
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more


ROUTES = []


def route(method, pattern):
    def register(function):
        ROUTES.append((method, re.compile(pattern), function))
        return function

    return register


REPO = r"(?P<repo>[^/]+/[^/]+)"


@route("POST", r"/api/repos/create")
def create(call):
    call.check_token()
    given = json.loads(call.body)
    repo = f"{given['organization']}/{given['name']}"
    if repo in call.hub.repositories:
        url = f"{call.address}/{repo}"
        raise Refusal(409, message="You already created this model repo", url=url)
    private = given.get("visibility") == "private" or bool(given.get("private"))
    call.hub.repositories[repo] = Repository(private)
    return {"url": f"{call.address}/{repo}", "name": repo, "id": repo}


@route("POST", r"/api/validate-yaml")
def validate(call):
    content = json.loads(call.body)["content"]
    front = yaml.safe_load(content.split("---\n")[1])
    assert isinstance(front, dict)
    return {"errors": [], "warnings": []}


@route("GET", rf"/api/models/{REPO}(?:/revision/(?P<revision>[^/]+))?")
def info(call, repo, revision=None):
    found, sha = call.find(repo, revision)
    return {
        "_id": repo,
        "id": repo,
        "modelId": repo,
        "sha": sha,
        "private": found.private,
        "tags": [],
        "downloads": 0,
        "siblings": [{"rfilename": name} for name in found.commits[sha]],
    }


@route("GET", rf"/api/models/{REPO}/tree/(?P<revision>[^/]+)")
def tree(call, repo, revision):
    found, sha = call.find(repo, revision)
    entries = []
    for name, content in found.commits[sha].items():
        entry = {"type": "file", "path": name, "size": len(content), "oid": git_oid(content)}
        if name.endswith(call.hub.large):
            oid = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 134}
        entries.append(entry)
    return entries


@route("POST", rf"/api/models/{REPO}/branch/(?P<branch>[^/]+)")
def branch(call, repo, branch):
    call.check_token()
    found, sha = call.find(repo, None)
    if branch in found.branches:
        raise Refusal(409, message="Reference already exists")
    found.branches[branch] = sha
    return {}


@route("POST", rf"/api/models/{REPO}/preupload/(?P<revision>[^/]+)")
def preupload(call, repo, revision):
    call.check_token()
    found, sha = call.find(repo, revision)
    files = []
    for file in json.loads(call.body)["files"]:
        name = file["path"]
        old = found.commits[sha].get(name)
        mode = "lfs" if name.endswith(call.hub.large) else "regular"
        oid = None if old is None or mode == "lfs" else git_oid(old)
        files.append({"path": name, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return {"files": files}


@route("POST", rf"/{REPO}\.git/info/lfs/objects/batch")
def batch(call, repo):
    call.check_token()
    asked = json.loads(call.body)["objects"]
    upload = {o["oid"]: {"upload": {"href": f"{call.address}/objects/{o['oid']}"}} for o in asked}
    return {"transfer": "basic", "objects": [{**o, "actions": upload[o["oid"]]} for o in asked]}


@route("PUT", r"/objects/(?P<oid>[0-9a-f]{64})")
def put(call, oid):
    assert hashlib.sha256(call.body).hexdigest() == oid
    call.hub.objects[oid] = call.body
    return {}


@route("POST", rf"/api/models/{REPO}/commit/(?P<revision>[^/]+)")
def commit(call, repo, revision):
    call.check_token()
    found, sha = call.find(repo, revision)
    files, message = dict(found.commits[sha]), ""
    for line in call.body.splitlines():
        item = json.loads(line)
        value = item["value"]
        match item["key"]:
            case "header":
                message = value["summary"]
            case "file":
                files[value["path"]] = base64.b64decode(value["content"])
            case "lfsFile":
                files[value["path"]] = call.hub.objects[value["oid"]]
            case "deletedFile":
                del files[value["path"]]
            case other:
                raise AssertionError(other)
    new = found.commit(revision, files, message)
    return {"success": True, "commitOid": new, "commitUrl": f"{call.address}/{repo}/commit/{new}"}


@route("GET", rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)")
def resolve(call, repo, revision, name):
    found, sha = call.find(repo, revision)
    content = found.commits[sha].get(name)
    if content is None:
        raise Refusal(404, "EntryNotFound", "Entry not found")
    etag = hashlib.sha256(content).hexdigest()
    return content, {"ETag": f'"{etag}"', "X-Repo-Commit": sha}


def git_oid(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self):
        return self.server.hub

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def check_token(self):
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, None, "Invalid username or password.")

    def find(self, repo, revision):
        found = self.hub.repositories.get(repo)
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if found is None or (found.private and not known):
            raise Refusal(404 if known else 401, "RepoNotFound", "Repository not found")
        sha = found.resolve(revision or "main")
        if sha is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found, sha

    def answer(self):
        self.body = self.read_body()
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, path))
        try:
            found = self.routed(path)
            content, headers = found if isinstance(found, tuple) else (json.dumps(found), {})
            status = 200
        except Refusal as refusal:
            status, headers = refusal.status, {"X-Error-Message": refusal.message}
            headers |= {"X-Error-Code": refusal.code} if refusal.code else {}
            content = json.dumps({"error": refusal.message, **refusal.more})
        content = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def routed(self, path):
        if self.hub.is_down:
            raise Refusal(500, None, "on fire")
        if self.hub.refuses is not None and self.hub.refuses in path:
            raise Refusal(403, None, "not yours")
        wanted = "GET" if self.command == "HEAD" else self.command
        for method, pattern, function in ROUTES:
            if method == wanted and (found := pattern.fullmatch(path)):
                parts = {k: None if v is None else unquote(v) for k, v in found.groupdict().items()}
                return function(self, **parts)
        raise Refusal(404, None, f"the stand-in knows no {self.command} {path}")

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def log_message(self, *args):
        pass


@contextmanager
def running():
    """Yield the hub and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
    server.daemon_threads = True
    server.hub = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
