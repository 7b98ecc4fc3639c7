#!lua name=rivalcounters
-- Windows as counters: per entity a hash with running totals of five windows and a ring of 60 panes for each. As good as it gets:
-- one read and one write an entity and transaction, packed; a pane is written once it is over and read once when it leaves.
-- It must stay a rival: Weir does not use it.
--
-- KEYS      the hash of each entity of each row, row by row
-- ARGV[1]   TTL of a hash, ms; ARGV[2] widths of the windows, ms, packed as five doubles; ARGV[3] rows: f64 time, f64 amount each
-- Returns   per row, entity and window: u32 count, f64 sum of the last 60 panes, the row itself included
--
-- Field h: per window u32 pane, u32 count, f64 sum of all panes, u32 count and f64 sum of the present one; fields w * 100 + slot:
-- u32 pane, u32 count, f64 sum of a pane that is over.

local PANES = 60
local HEAD = '<I4I4dI4dI4I4dI4dI4I4dI4dI4I4dI4dI4I4dI4d'
local PER_WINDOW, WINDOWS = 5, 5
local TOUCH_EVERY = 16
-- A library cannot see these before its first call.
local pack, unpackBytes, floor, call

-- What leaves a window as it moves from one pane to another, both within a ring of each other.
local function leaving(key, window, from, to)
  local fields, panes = {}, {}
  for pane = from - PANES + 1, to - PANES do
    fields[#fields + 1] = window * 100 + pane % PANES
    panes[#panes + 1] = pane
  end
  local count, sum = 0, 0
  local found = call('HMGET', key, unpack(fields))
  for k = 1, #panes do
    if found[k] then
      local pane, n, s = unpackBytes('<I4I4d', found[k])
      if pane == panes[k] then count, sum = count + n, sum + s end
    end
  end
  return count, sum
end

-- Of a transaction that comes late: into its pane, if that is in the ring.
local function addLate(key, window, pane, amount)
  local field = window * 100 + pane % PANES
  local found = call('HGET', key, field)
  local count, sum = 0, 0
  if found then
    local kept, n, s = unpackBytes('<I4I4d', found)
    if kept == pane then count, sum = n, s end
  end
  call('HSET', key, field, pack('<I4I4d', pane, count + 1, sum + amount))
end

local function observe(keys, args)
  pack, unpackBytes, floor, call = struct.pack, struct.unpack, math.floor, redis.call
  local widths = { unpackBytes('<ddddd', args[2]) }
  local rows, at = args[3], 1
  local answers, n = {}, 0
  local entities = #keys / (#rows / 16)
  for first = 1, #keys, entities do
    local time, amount = unpackBytes('<dd', rows, at)
    at = at + 16
    for k = first, first + entities - 1 do
      local key = keys[k]
      local text = call('HGET', key, 'h')
      local h = text and { unpackBytes(HEAD, text) }
        or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
      local over = { 'h', '' }
      for w = 0, WINDOWS - 1 do
        local p = w * PER_WINDOW + 1
        local now, pane = h[p], floor(time * PANES / widths[w + 1])
        if pane > now then
          if pane - now >= PANES then
            h[p + 1], h[p + 2] = 0, 0
          else
            if h[p + 1] > h[p + 3] then
              local count, sum = leaving(key, w, now, pane)
              h[p + 1], h[p + 2] = h[p + 1] - count, h[p + 2] - sum
            end
            -- Whoever adds to the present pane late finds it in the ring.
            over[#over + 1] = w * 100 + now % PANES
            over[#over + 1] = pack('<I4I4d', now, h[p + 3], h[p + 4])
          end
          h[p], h[p + 3], h[p + 4] = pane, 0, 0
          now = pane
        end
        if pane == now then
          h[p + 3], h[p + 4] = h[p + 3] + 1, h[p + 4] + amount
          h[p + 1], h[p + 2] = h[p + 1] + 1, h[p + 2] + amount
        elseif now - pane < PANES then
          addLate(key, w, pane, amount)
          h[p + 1], h[p + 2] = h[p + 1] + 1, h[p + 2] + amount
        end
        n = n + 1
        answers[n] = pack('<I4d', h[p + 1], h[p + 2])
      end
      over[2] = pack(HEAD, unpack(h))
      call('HSET', key, unpack(over))
      if not text or h[2] % TOUCH_EVERY == 0 then call('PEXPIRE', key, args[1]) end
    end
  end
  return table.concat(answers)
end

redis.register_function('rival_counters_v1', observe)
