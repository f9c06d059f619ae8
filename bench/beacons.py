"""10,000 beacons a second on 100 images while wrk reads: how much slower are the reads? Part of bench/run --statistics."""
import http.client
import json
import random
import statistics
import threading
import time

import machine

BEACONS, ITEMS, IMAGES, VISITORS = 10_000, 500, 100, 100_000   # a second; of one call; all; who may view
CONNECTIONS = 1   # of the reads. More would use up both processors, and measure who gets them


def run(bench, service, repetitions):
    """Reads a second without and with beacons, measured in turn; and the beacons a second that were sent."""
    results = {"alone": [], "beside": [], "beacons": []}
    for repetition in range(repetitions):
        for name in ("alone", "beside") if repetition % 2 == 0 else ("beside", "alone"):
            beacons = _Beacons(bench, service) if name == "beside" else None
            results[name].append(bench.service("get", CONNECTIONS, service).rate)
            if beacons:
                results["beacons"].append(beacons.stop())
    result = {name: statistics.median(values) for name, values in results.items()}
    time.sleep(2)   # the last views are written after a second
    counted, visits = map(int, bench.database.sql("select (select coalesce(sum(views), 0) from gallery.image_count), (select count(*) from gallery.image_visit)")[0].split("|"))
    if counted != visits or counted == 0:
        raise SystemExit(f"bench: {counted:,} views are counted, and {visits:,} visits are stored")
    machine.say(f"statistics: {result['alone']:,.0f} reads/s alone, {result['beside']:,.0f} beside {result['beacons']:,.0f} beacons/s; {counted:,} views counted")
    return result


class _Beacons(threading.Thread):
    """Sends batches in step with the clock. Bodies are made first, because Python would be what is measured."""

    def __init__(self, bench, service):
        super().__init__(daemon=True)
        ids = bench.database.live_ids()[:IMAGES]
        self.bodies = [json.dumps({"items": [{"image_id": random.choice(ids), "visitor": str(random.randrange(VISITORS))} for _ in range(ITEMS)]})
                       for _ in range(200)]
        self.port, self.sent, self.ends, self.began = service.port, 0, False, time.monotonic()
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ends:
            time.sleep(max(0, self.began + self.sent / BEACONS - time.monotonic()))
            connection.request("POST", "/v1/gallery/batch/views/", self.bodies[self.sent // ITEMS % len(self.bodies)], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 204:
                raise SystemExit(f"bench: beacons answer {answer.status} {answer.read()[:500]}")
            answer.read()
            self.sent += ITEMS
        connection.close()

    def stop(self):
        self.ends, elapsed = True, time.monotonic() - self.began
        self.join(30)
        return self.sent / elapsed
