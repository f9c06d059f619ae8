-- What every load shares: a random seed, and the line of figures that bench/run reads.

function seed()   -- the clock alone would give two runs of one second the same ids
  local random, number = io.open("/dev/urandom", "rb"), 0
  for _, byte in ipairs({random:read(6):byte(1, 6)}) do number = number * 256 + byte end
  random:close()
  math.randomseed(number)
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("result requests=%d us=%d p50=%d p99=%d non_2xx=%d broken=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
