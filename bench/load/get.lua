-- GET one live image, its id drawn from the file $IDS.
dofile(os.getenv("LOAD") .. "/common.lua")
local ids, before, after = {}
init = function()
  seed()
  for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
  before, after = wrk.format("GET", "/v1/gallery/@/"):match("^(.-)@(.*)$")   -- formatted once, because formatting would cost rate
end
request = function() return before .. ids[math.random(#ids)] .. after end
