"""Checks Gallery as callers see it through nginx: check.py BASE_URL CERTIFICATE KEY_FILE contract|prefix|write.

"write" saves, edits and reads until its standard input ends. Then each answer must have been a success, and each image must be there.
"""
import http.client
import json
import ssl
import subprocess
import sys
import threading
import urllib.parse
import uuid

base, certificate, key_file, part = sys.argv[1:]
url = urllib.parse.urlsplit(base)   # https://localhost:8443, or with a path
key = open(key_file).read().strip()
tls = ssl.create_default_context(cafile=certificate)
done = 0


def connect():
    return http.client.HTTPSConnection(url.hostname, url.port, context=tls, timeout=20)


def call(method, path, body=None, headers=None, connection=None):
    connection = connection or connect()
    if isinstance(body, dict):
        body = json.dumps(body)
    connection.request(method, url.path + path, body, {"X-API-Key": key, "Content-Type": "application/json"} | (headers or {}))
    answer = connection.getresponse()
    text = answer.read()
    is_json = "json" in answer.headers.get("Content-Type", "")
    return answer.status, answer.headers, json.loads(text) if is_json else text


def check(fact, is_true, *shown):
    global done
    if not is_true:
        sys.exit(f"Wrong: {fact}: {shown}")
    done += 1


def image(image_id, user="user_ship", **more):
    return {"user_id": user, "image_url": f"https://res.cloudinary.com/demo/image/upload/{image_id}.jpg", **more}


def padded(body, size):   # JSON with blanks before its end, of exactly this many bytes
    text = json.dumps(body).encode()
    return text[:-1] + b" " * (size - len(text)) + b"}"


def is_problem(answer, status, code):
    return answer[0] == status and answer[1]["Content-Type"] == "application/problem+json" and answer[2]["code"] == code \
        and answer[2]["status"] == status and answer[2]["success"] is False and answer[2]["message"] and answer[2]["trace_id"]


def contract():
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    at = f"/v1/gallery/{first}/"
    status, headers, body = call("POST", "/v1/gallery/", image(first, refined_prompt="A lighthouse"))
    check("a save creates", (status, body["success"], body["outcome"], body["data"]["image_id"]) == (201, True, "created", first), status, body)
    check("Location has the scheme, host, port and path that the caller used", headers["Location"] == base + at, headers["Location"])
    status, _, body = call("POST", "/v1/gallery/", image(first, refined_prompt="A lighthouse"))
    check("a second save changes nothing", (status, body["outcome"]) == (200, "unchanged"), status, body)
    call("POST", "/v1/gallery/", image(second))

    status, headers, body = call("GET", "/v1/gallery/?user_id=user_ship&limit=1")
    check("a list has pages", status == 200 and body["pagination"]["next_cursor"], status, body)
    link = headers["Link"]
    check("Link has the scheme, host, port and path", link.startswith(f"<{base}/v1/gallery/?") and 'rel="next"' in link, link)
    next_page = link[1:link.index(">")]
    status, _, body = call("GET", next_page[len(base):])
    check("Link leads on", status == 200 and body["data"][0]["image_id"] == first, status, body)

    status, headers, body = call("GET", at)
    check("an image is found, with its tag", status == 200 and headers["ETag"].startswith('"'), status, headers["ETag"])
    check("an image has not changed", call("GET", at, headers={"If-None-Match": headers["ETag"]})[0] == 304)
    check("an image is deleted", call("DELETE", at)[2]["data"]["deleted_at"] is not None)
    check("a deleted image is in the trash", is_problem(call("GET", at), 404, "image_deleted"))
    check("an image is restored", call("POST", at + "restore/")[0] == 200 and call("GET", at)[0] == 200)
    check("a caller needs a key", is_problem(call("GET", at, headers={"X-API-Key": ""}), 401, "missing_credentials"))

    tag = urllib.parse.quote("sea/shore", safe="")
    status, _, body = call("PUT", f"{at}tags/{tag}/")
    check("a slash within a tag arrives", status == 200 and body["data"]["tags"] == ["sea/shore"], status, body)
    check("a segment .. is refused", call("GET", "/v1/gallery/%2e%2e/gallery/")[0] == 400)

    check("a stale precondition is refused", is_problem(call("PATCH", at, {"intent": "edit"}, {"If-Match": '"stale"'}), 412, "precondition_failed"))
    status, _, body = call("POST", at + "shares/", {})
    check("a link is made, with its address", status == 201 and body["data"]["url"].startswith(base + "/s/"), status, body)
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil", "X-Forwarded-For": "192.0.2.1"}
    link = call("GET", "/v1/gallery/?user_id=user_ship&limit=1", headers=forged)[1]["Link"]
    check("headers that a caller forged change nothing", link.startswith(f"<{base}/v1/gallery/?"), link)
    headers = call("GET", "/livez")[1]
    check("browsers are told to use TLS", headers["Strict-Transport-Security"] == "max-age=31536000", headers)
    check("strangers see no metrics", [call("GET", path)[0] for path in ("/metrics", "/METRICS", "/%6detrics")] == [404, 404, 404])
    check("the page is there", b"<html" in call("GET", "/")[2])

    version = subprocess.run(["curl", "-sS", "--http2", "--cacert", certificate, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", base + "/readyz"],
                             capture_output=True, text=True, check=True).stdout
    check("HTTP/2", version == "2 200", version)
    large()
    echoes()
    streams()


def echoes():
    """nginx takes an instance for failed if the headers of its answer are too large. Nobody may shut out others in this way."""
    ids = [str(uuid.uuid4()) for _ in range(100)]
    for image_id in ids[:2]:
        check("a save", call("POST", "/v1/gallery/", image(image_id))[0] == 201)
    long = "a." * 3500 + "a"
    for fact, method, path, headers, expected in (
        ("a long text in place of a token", "GET", f"/s/{long}/", {}, 404),
        ("a list with a long query", "GET", f"/v1/gallery/?limit=1&ids={','.join(ids)}", {}, 200),
        ("a long host", "GET", "/v1/gallery/?user_id=user_ship&limit=1", {"Host": long}, 200),
    ):
        answers = [call(method, path, headers=headers)[0] for _ in range(6)]
        check(fact, set(answers) == {expected}, answers)
        others = [call("GET", "/v1/gallery/?user_id=user_ship")[0] for _ in range(4)]
        check(f"{fact} does not shut out others", set(others) == {200}, others)


def streams():
    """nginx streams batches and imports. An instance that refuses one before its end must not be counted as failed."""
    def body():
        for _ in range(64):
            yield b"{}\n" * 20_000

    for path in ("/v1/gallery/batch/save/", "/v1/gallery/import/"):
        for _ in range(4):
            connection = connect()
            try:   # nginx may cut the sender off
                connection.request("POST", url.path + path, body(), {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}, encode_chunked=True)
                check(f"{path} without a key", connection.getresponse().status in (401, 503))
            except (OSError, http.client.HTTPException):
                pass
        others = [call("GET", "/v1/gallery/?user_id=user_ship")[0] for _ in range(6)]
        check(f"streams to {path} do not shut out others", set(others) == {200}, others)


def large():
    limit, batch_limit = 262_144, 8 * 1024 * 1024
    image_id = str(uuid.uuid4())
    check("a save of the largest size", call("POST", "/v1/gallery/", padded(image(image_id), limit))[0] == 201)
    check("a save of one byte more", is_problem(call("POST", "/v1/gallery/", padded(image(image_id), limit + 1)), 413, "body_too_large"))
    batch = {"image_ids": [image_id]}
    answer = call("POST", "/v1/gallery/batch/find/", padded(batch, batch_limit))
    check("a batch of the largest size", answer[0] == 200, answer)
    check("a batch of one byte more", is_problem(call("POST", "/v1/gallery/batch/find/", padded(batch, batch_limit + 1)), 413, "body_too_large"))

    lines = [json.dumps(image(str(uuid.uuid4()), "user_import", created_at="2026-01-01T00:00:00Z", metadata={"text": "x" * 60_000})) for _ in range(200)]
    answer = call("POST", "/v1/gallery/import/", "\n".join(lines), {"Content-Type": "application/x-ndjson"})
    check("an import that is larger than a batch", (answer[0], answer[2]["data"]["created"]) == (200, 200), answer)


def prefix():
    check("the folder without its slash leads to the page", call("GET", "")[0] == 308)
    contract()


def write():
    stop = threading.Event()
    failures, saved, slow = [], [], []

    def work():
        connection = connect()
        while not stop.wait(0.02):   # a steady client: the machine's other work must not look like a failure
            image_id = str(uuid.uuid4())
            at = f"/v1/gallery/{image_id}/"
            for method, path, body in (("POST", "/v1/gallery/", image(image_id, "user_write")), ("PATCH", at, {"intent": "edit"}), ("GET", at, None)):
                for _ in range(3):
                    try:
                        status, headers, answer = call(method, path, body, connection=connection)
                    except (OSError, http.client.HTTPException) as fault:
                        status, answer, connection = 0, repr(fault), connect()
                    if status != 503 or answer["code"] != "database_timeout":
                        break
                    slow.append(image_id)   # a busy machine, and no fault of the restart: sent again, as callers should
                    stop.wait(int(headers["Retry-After"]))
                if status not in (200, 201):   # 200 also for a save that nginx repeated
                    failures.append((method, status, answer))
                elif method == "PATCH":
                    saved.append(image_id)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()

    found, path = {}, "/v1/gallery/?user_id=user_write&limit=200"
    while path:
        _, headers, body = call("GET", path)
        found |= {each["image_id"]: each["intent"] for each in body["data"]}
        path = headers["Link"][1:headers["Link"].index(">")][len(base):] if "Link" in headers else None
    lost = [image_id for image_id in saved if found.get(image_id) != "edit"]
    print(f"{len(saved)} images saved and edited, {len(failures)} requests failed, {len(lost)} images lost, {len(slow)} answers said that the database was slow")
    check("images were written", len(saved) > 50)
    check("the database was rarely slow", len(slow) * 100 < len(saved))
    check("no request failed", not failures, failures[:5])
    check("no image was lost", not lost, lost[:5])


{"contract": contract, "prefix": prefix, "write": write}[part]()
print(f"{part}: {done} facts hold")
