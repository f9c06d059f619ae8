-- GET the first page (50 images) of $LIST, the live images or the trash, of one of $USERS users.
dofile(os.getenv("LOAD") .. "/common.lua")
local list, users = os.getenv("LIST"), tonumber(os.getenv("USERS"))
init = function() seed() end
request = function() return wrk.format("GET", list .. "?limit=50&user_id=user" .. math.random(0, users - 1)) end
