-- DELETE and POST …/restore/ in turn. $IDS holds the images in the trash first, $TRASHED of them, then live ones: a ring on which
-- the trash is a window that moves. So each request finds something to do, and no two at a time mean the same image.
dofile(os.getenv("LOAD") .. "/common.lua")
local trashed, turn, ids = tonumber(os.getenv("TRASHED")), -1
init = function() ids = read_ids() end
request = function()
  turn = turn + 1
  local first = math.floor(turn / 2)   -- of the window
  if turn % 2 == 0 then return wrk.format("DELETE", "/v1/gallery/" .. ids[(first + trashed) % #ids + 1] .. "/") end
  return wrk.format("POST", "/v1/gallery/" .. ids[first % #ids + 1] .. "/restore/")
end
