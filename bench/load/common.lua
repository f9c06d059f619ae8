-- Shared by all loads: the random seed, the list of ids, and the line with the results for bench/run.
-- It is also a load: wrk repeats its URL.

function seed()   -- with the clock as seed, two runs in one second would use the same ids
  local random, number = io.open("/dev/urandom", "rb"), 0
  for _, byte in ipairs({random:read(6):byte(1, 6)}) do number = number * 256 + byte end
  random:close()
  math.randomseed(number)
end

function read_ids()
  local ids = {}
  for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
  return ids
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("result requests=%d us=%d p50=%d p99=%d non_2xx=%d broken=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
