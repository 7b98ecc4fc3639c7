-- How observe.lua reads the journals of a call, as far as the caller does not hold them, and finds records in them. It must
-- never take for held what is not there as the caller states it.

-- Base and bytes of the sums of a journal that was never compacted, and those with no incarnation before them.
local UNSUMMED = '\0\0\0\0\0\0\0\0\0\0\0\0'
local NOTHING = '\0\0\0\0\0\0\0\0' .. UNSUMMED
-- A journal of which the caller holds this many bytes is read by its suffix: two reads of parts cost more than one of these.
local WHOLE_MAX = 512
-- Bytes of what a caller states of a journal, and of them those of incarnation and last record.
local JOURNAL, CLAIM = 30, 16
-- A header, from its generation on.
local HEADER_FORMAT = '<I4I4I4dI4HH'

-- The journals of the present call, by their place in it. Columns that are kept and overwritten: what a call allocates is
-- collected, which costs a nanosecond a byte. As the caller states them:
local journalKeys, widths, caps, helds = {}, {}, {}, {}
-- As they were read: text, where in the value it begins, how many of its bytes come before its first record, that record's
-- ordinal; what the reply says of one that comes whole; how many records the caller has searched itself, from the first on:
-- what it holds, if that is what is there, else 0; count before this call.
local texts, starts, firsts, froms, wholes, searched, befores = {}, {}, {}, {}, {}, {}, {}
-- Of their headers: generation, base, step of the TTL (false where there is nothing at the key).
local generations, bases, steps = {}, {}, {}
-- As they become: count, records added as one text, whether a row was answered from it.
local counts, added, touched = {}, {}, {}

-- Takes in a text whose first record, of this ordinal, begins behind `first` bytes, and what the header says.
local function take(i, text, start, first, from, generation, base, hops, width, step)
  local before = from + (#text - first) / widths[i]
  if width ~= widths[i] then refuse('WEIRFORMAT', 'a journal is of another layout than this function knows') end
  if before % 1 ~= 0 then refuse('WEIRFORMAT', 'a journal ends within a record') end
  if (base ~= 0 or hops ~= 0) and not (base > 0 and base <= boundary(before, caps[i]) - caps[i]) then
    refuse('WEIRFORMAT', 'a journal lacks records that its exact tail may need')
  end
  texts[i], starts[i], firsts[i], froms[i], befores[i], counts[i] = text, start, first, from, before, before
  generations[i], bases[i], steps[i] = generation, base, step
end

-- A journal that the caller does not hold, or not as it is. `text` is false where there is none; at `claim` of the argument is
-- what the caller states of incarnation and last record.
local function readWhole(i, text, arg, claim)
  searched[i] = 0
  if not text then
    texts[i], starts[i], firsts[i], froms[i], befores[i], counts[i] = '', 0, 0, 0, 0, 0
    generations[i], bases[i], steps[i], wholes[i] = 0, 0, false, NOTHING
    return
  end
  checkHeader(text)
  local generation, low, high, base, hops, width, step = unpackBytes(HEADER_FORMAT, text, 5)
  take(i, text, 0, HEADER + hops, base, generation, base, hops, width, step)
  local held = helds[i]
  if held > base and held <= befores[i] then
    local claimedLow, claimedHigh, identity = unpackBytes('<I4I4c8', arg, claim)
    local last = HEADER + hops + (held - 1 - base) * width + IDENTITY
    if claimedLow == low and claimedHigh == high and sub(text, last + 1, last + 8) == identity then
      searched[i] = held
      return
    end
  end
  wholes[i] = sub(text, 9, 28)
end

-- Reads only from the last record that the caller holds; false when it is not there, or another one.
local function readSuffix(i, claimedLow, claimedHigh, identity)
  local key, held = journalKeys[i + 1], helds[i]
  local header = call('GETRANGE', key, '0', '31')
  if #header < HEADER then return false end
  local generation, low, high, base, hops, width, step = unpackBytes(HEADER_FORMAT, header, 5)
  if low ~= claimedLow or high ~= claimedHigh or held <= base then return false end
  local start = HEADER + hops + (held - 1 - base) * widths[i]
  local text = call('GETRANGE', key, format('%d', start), '-1')
  if sub(text, IDENTITY + 1, IDENTITY + 8) ~= identity then return false end
  take(i, text, start, 0, held - 1, generation, base, hops, width, step)
  searched[i] = held
  return true
end

-- Takes in what the caller states of its journals, from `at` on, and reads them; returns where that ends.
local function readJournals(journals, keys, arg, at)
  journalKeys = keys
  local wholeKeys, places, claims = {}, {}, {}
  for i = 1, journals do
    local width, cap, held, low, high, identity, after = unpackBytes('<HI4dI4I4c8', arg, at)
    if width < RECORD_MIN or cap == 0 or held < 0 then refuse('WEIRARGS', 'a journal without width or cap') end
    widths[i], caps[i], helds[i], touched[i] = width, cap, held, false
    if held * width <= WHOLE_MAX or not readSuffix(i, low, high, identity) then
      local k = #places + 1
      wholeKeys[k], places[k], claims[k] = keys[i + 1], i, after - CLAIM
    end
    at = after
  end
  if #places > 0 then
    local found = call('MGET', unpack(wholeKeys))
    for k = 1, #places do readWhole(places[k], found[k], arg, claims[k]) end
  end
  return at
end

-- Where, in a text of records behind `first` bytes, the one with an identity begins; looked for from byte `at` on.
local function search(text, identity, width, first, at)
  while true do
    at = find(text, identity, at + 1, true)
    if not at then return nil end
    local record = at - 1 - IDENTITY
    if (record - first) % width == 0 then return record end
  end
end

-- The ordinal of an identity in the exact tail, and its record; nil when it is not there.
local function locate(i, identity)
  local width, before, first = widths[i], befores[i], firsts[i]
  local tail = boundary(counts[i], caps[i])
  if counts[i] > before then
    local record = search(added[i], identity, width, 0, tail > before and (tail - before) * width or 0)
    if record then return before + record / width, sub(added[i], record + 1, record + width) end
  end
  local from = searched[i] > tail and searched[i] or tail
  if from >= before then return nil end
  local record = search(texts[i], identity, width, first, first + (from - froms[i]) * width)
  if record then return froms[i] + (record - first) / width, sub(texts[i], record + 1, record + width) end
end
