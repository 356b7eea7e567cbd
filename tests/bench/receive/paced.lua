-- SPDX-License-Identifier: MIT
-- As post.lua, with a pause of 100 ms on each connection between two requests.
dofile("tests/bench/receive/post.lua")
function delay()
	return 100
end
