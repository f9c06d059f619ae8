"""python3 -m unittest discover -s examples"""

import datetime
import decimal
import email.utils
import enum
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from save_image import LONGEST_PAUSE, GalleryError, save_image

URL = "https://res.cloudinary.com/demo/image/upload/c1f0a2de-5b7e-4f86-9a3c-7d2e90b4f615.png"
SAVED = {"success": True, "outcome": "created", "kept": [], "data": {"image_id": "c1f0a2de-5b7e-4f86-9a3c-7d2e90b4f615", "revision": 1}, "message": "Image created successfully"}
DOWN = {"success": False, "message": "The database is down.", "code": "database_unavailable"}


logging.getLogger("gallery").addHandler(logging.NullHandler())  # failed attempts are expected here


class Stub:
    """A service that gives these answers in turn and keeps the requests."""

    def __init__(self, *answers):
        stub, self.answers, self.requests, self.keys, self.pauses, self.release = self, list(answers), [], [], [], threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.keys.append(self.headers["X-API-Key"])
                stub.requests.append((self.path, self.headers["Content-Type"], body))
                answer = stub.answers.pop(0)
                if answer == "silence":
                    stub.release.wait(30)
                    return
                if answer == "break":
                    return
                status, headers, content = answer
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def save(self, **more):
        return save_image("user_123", URL, **{"base_url": self.url, "timeout": 5, "sleep": self.pauses.append, **more})


class SaveImageTests(unittest.TestCase):
    def test_every_field_takes_a_uuid_or_an_enum(self):
        class Intent(enum.Enum):
            EDIT = "edit"

        with Stub((201, {}, SAVED)) as stub:
            stub.save(refined_prompt=uuid.UUID(int=7), intent=Intent.EDIT, metadata={"kind": Intent.EDIT})

        body = stub.requests[0][2]
        self.assertEqual((str(uuid.UUID(int=7)), "edit", {"kind": "edit"}), (body["refined_prompt"], body["intent"], body["metadata"]))

    def test_a_field_that_is_not_json_is_named(self):
        for name, value in {"intent": object(), "refined_prompt": b"x", "metadata": ["a"]}.items():
            with self.assertRaises(GalleryError) as failure:
                save_image("user_123", URL, **{name: value})
            self.assertIn(f"{name} is a ", failure.exception.message)

    def test_an_image_is_saved_with_its_session_and_message_in_the_metadata(self):
        with Stub((201, {}, SAVED)) as stub:
            saved = stub.save(
                refined_prompt="a lighthouse", intent="generate", session_id="s1", message_id="m1", metadata={"model": "x", "session_id": "old"}
            )

        self.assertEqual(("created", [], SAVED["data"]), saved)
        path, content_type, body = stub.requests[0]
        self.assertEqual(("/v1/gallery/", "application/json"), (path, content_type))
        self.assertEqual(
            {
                "user_id": "user_123",
                "image_url": URL,
                "refined_prompt": "a lighthouse",
                "intent": "generate",
                "metadata": {"model": "x", "session_id": "s1", "message_id": "m1"},
            },
            body,
        )
        self.assertEqual([], stub.pauses)

    def test_a_key_is_sent_if_there_is_one(self):
        for environment, argument, sent in (({"GALLERY_KEY": ""}, None, None), ({"GALLERY_KEY": "k1"}, None, "k1"), ({"GALLERY_KEY": "k1"}, "k2", "k2")):
            with self.subTest(sent), unittest.mock.patch.dict(os.environ, environment), Stub((201, {}, SAVED)) as stub:
                stub.save(api_key=argument)
                self.assertEqual([sent], stub.keys)

    def test_the_outcome_and_what_was_kept_are_returned(self):
        for outcome, kept in (("updated", []), ("unchanged", ["refined_prompt", "metadata.status"]), ("in_trash", ["intent"])):
            with self.subTest(outcome), Stub((200, {}, {**SAVED, "outcome": outcome, "kept": kept})) as stub:
                saved = stub.save()
                self.assertEqual((outcome, kept), (saved.outcome, saved.kept))

    def test_ids_times_and_decimals_in_the_metadata_are_sent_as_text(self):
        image_id = uuid.uuid4()
        object_id = type("ObjectId", (), {"__str__": lambda _: "507f1f77bcf86cd799439011"})()
        at = datetime.datetime(2026, 1, 15, 10, 30, tzinfo=datetime.timezone.utc)
        with Stub((201, {}, SAVED)) as stub:
            stub.save(session_id=object_id, metadata={"parent": {"ids": (image_id,)}, "at": at, "day": at.date(), "cost": decimal.Decimal("0.10")})

        self.assertEqual(
            {
                "parent": {"ids": [str(image_id)]},
                "at": "2026-01-15T10:30:00+00:00",
                "day": "2026-01-15",
                "cost": "0.10",
                "session_id": "507f1f77bcf86cd799439011",
            },
            stub.requests[0][2]["metadata"],
        )

    def test_what_json_cannot_hold_is_an_error_that_names_the_key_and_nothing_is_sent(self):
        for metadata, name in (
            ({"scores": [0.5, float("nan")]}, "metadata.scores[1] is nan"),
            ({"cost": {"eur": float("-inf")}}, "metadata.cost.eur is -inf"),
            ({"raw": b"x"}, "metadata.raw is a bytes"),
            ({"tags": {"a"}}, "metadata.tags is a set"),
            ({"sizes": {1: "x"}}, "metadata.sizes has the key 1"),
        ):
            with self.subTest(name), Stub((201, {}, SAVED)) as stub:
                with self.assertRaises(GalleryError) as raised:
                    stub.save(metadata=metadata)
                self.assertIn(name, raised.exception.message)
                self.assertEqual([], stub.requests)

    def test_each_failed_attempt_is_logged(self):
        with Stub((503, {}, DOWN), (201, {}, SAVED)) as stub, self.assertLogs("gallery") as logged:
            stub.save()

        self.assertEqual(1, len(logged.output))
        self.assertIn("Save 1 of 5 failed: The database is down. Next try in ", logged.output[0])

    def test_what_is_not_given_is_not_put_into_the_metadata(self):
        with Stub((200, {}, SAVED)) as stub:
            stub.save()

        self.assertEqual({}, stub.requests[0][2]["metadata"])

    def test_a_503_is_tried_again_after_the_seconds_it_asks_for(self):
        with Stub((503, {"Retry-After": 7}, DOWN), (201, {}, SAVED)) as stub:
            saved = stub.save()

        self.assertEqual(("created", 1), (saved.outcome, len(stub.pauses)))
        self.assertTrue(7 <= stub.pauses[0] <= 7.5, stub.pauses)
        self.assertEqual(stub.requests[0], stub.requests[1])

    def test_a_503_is_tried_again_at_the_date_it_asks_for(self):
        with Stub((503, {"Retry-After": email.utils.formatdate(time.time() + 20, usegmt=True)}, DOWN), (201, {}, SAVED)) as stub:
            stub.save()

        self.assertTrue(15 < stub.pauses[0] <= 20.5, stub.pauses)

    def test_no_pause_is_longer_than_the_longest(self):
        with Stub((503, {"Retry-After": 86400}, DOWN), (201, {}, SAVED)) as stub:
            stub.save()

        self.assertEqual([LONGEST_PAUSE], stub.pauses)

    def test_a_retry_after_that_cannot_be_read_is_a_back_off(self):
        for odd in ("soon", "-5", "²", ""):
            with self.subTest(odd), Stub((503, {"Retry-After": odd.encode().decode("latin-1")}, DOWN), (201, {}, SAVED)) as stub:
                stub.save()
                self.assertTrue(0.25 <= stub.pauses[0] <= 0.5, stub.pauses)

    def test_pauses_grow_and_the_last_failure_is_raised(self):
        with Stub(*[(503, {}, DOWN)] * 4) as stub:
            with self.assertRaises(GalleryError) as raised:
                stub.save(attempts=4)

        self.assertEqual(("database_unavailable", "The database is down.", 503), (raised.exception.code, str(raised.exception), raised.exception.status))
        self.assertEqual(4, len(stub.requests))
        self.assertEqual(3, len(stub.pauses))
        for pause, longest in zip(stub.pauses, (0.5, 1, 2)):
            self.assertTrue(longest / 2 <= pause <= longest, stub.pauses)

    def test_a_429_is_tried_again(self):
        with Stub((429, {"Retry-After": 1}, DOWN), (201, {}, SAVED)) as stub:
            stub.save()

        self.assertTrue(1 <= stub.pauses[0] <= 1.5, stub.pauses)

    def test_a_proxy_without_a_service_behind_it_is_tried_again(self):
        with Stub((502, {}, b"<html>"), (504, {}, b""), (201, {}, SAVED)) as stub:
            stub.save()

        self.assertEqual(2, len(stub.pauses))

    def test_a_400_is_raised_at_once_with_the_services_code_and_message(self):
        problem = {"success": False, "message": "image_url has no UUID.", "code": "no_uuid_in_file_name", "errors": {"image_url": ["It has no UUID."]}}
        with Stub((400, {}, problem)) as stub:
            with self.assertRaises(GalleryError) as raised:
                stub.save()

        error = raised.exception
        self.assertEqual(("no_uuid_in_file_name", "image_url has no UUID.", 400, problem["errors"]), (error.code, error.message, error.status, error.errors))
        self.assertEqual([], stub.pauses)

    def test_no_other_4xx_nor_a_500_is_tried_again(self):
        for status in (401, 404, 409, 413, 415, 500):
            with self.subTest(status), Stub((status, {"Retry-After": 1}, b"not JSON")) as stub:
                with self.assertRaises(GalleryError) as raised:
                    stub.save()
                self.assertEqual((None, status, []), (raised.exception.code, raised.exception.status, stub.pauses))

    def test_an_answer_that_does_not_come_in_time_is_tried_again(self):
        with Stub("silence", (200, {}, SAVED)) as stub:
            stub.save(timeout=0.2)

        self.assertEqual((2, 1), (len(stub.requests), len(stub.pauses)))

    def test_a_connection_that_breaks_is_tried_again(self):
        with Stub("break", (201, {"Content-Length": 9999}, SAVED), (200, {}, SAVED)) as stub:
            stub.save()

        self.assertEqual((3, 2), (len(stub.requests), len(stub.pauses)))

    def test_a_service_that_does_not_listen_is_tried_again_and_then_named(self):
        pauses = []
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # ours, and not listening
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            with self.assertRaises(GalleryError) as raised:
                save_image("user_123", URL, base_url=url, attempts=3, sleep=pauses.append)

        self.assertEqual((None, None, 2), (raised.exception.code, raised.exception.status, len(pauses)))
        self.assertIn(url, str(raised.exception))

    def test_run_as_a_program_it_saves_one_image_at_gallery_url_and_prints_the_answer(self):
        with Stub((201, {}, SAVED)) as stub:
            ran = self.run_program(stub.url + "/")

        self.assertEqual((0, {"outcome": "created", "kept": [], "image": SAVED["data"]}, ""), (ran.returncode, json.loads(ran.stdout), ran.stderr))
        path, _, body = stub.requests[0]
        self.assertEqual(("/v1/gallery/", "session_42", "message_7"), (path, body["metadata"]["session_id"], body["metadata"]["message_id"]))

    def test_run_as_a_program_it_says_in_one_line_why_an_image_was_not_saved(self):
        with Stub((400, {}, {"message": "image_url has no UUID.", "code": "no_uuid_in_file_name"})) as stub:
            ran = self.run_program(stub.url)

        self.assertEqual((1, ""), (ran.returncode, ran.stdout))
        self.assertRegex(ran.stderr, r"\ANot saved: image_url has no UUID\..*no_uuid_in_file_name.*\n\Z")

    @staticmethod
    def run_program(url):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "save_image.py")
        return subprocess.run([sys.executable, program], env={**os.environ, "GALLERY_URL": url}, capture_output=True, text=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
