-- observe_v2 appends the records of up to 64 transactions to journals of one bucket, each once, and returns what the caller
-- does not hold. It must never write before all of its arguments and journals were found good: functions do not roll back.
--
-- KEYS[1]   chain of the bucket, a hash: `since` and, per source partition, the last offset observed
-- KEYS[2…]  journals
-- ARGV[1]   prefix of the chain's fields
-- ARGV[2]   packed, little-endian, without padding; features/store/packer.ts and unpacker.ts are the other end:
--   head       u8 version, u8 renew, u16 partitions, u16 journals, u16 rows, u16 slots, u16 hints, u32 bytes of records, u32 ttl
--              in s, f64 since, 8 B incarnation
--   partition  u32 partition, f64 predecessor (-2: whatever is stored, offsets count from here on), f64 last offset
--   journal    u16 width, u32 cap, f64 ordinal held up to (0: nothing held), 8 B incarnation held, 8 B identity of the last
--              record held
--   row        u16 place in partitions from 1 (0: none), f64 offset, u16 slots * 4 + what they are (0: others than the
--              primary, 1: the primary first, 2: others, and the row has left the primary's exact tail, 3: others, and a call
--              appended the row before, perhaps here too)
--   slot       u16 place in journals from 1
--   hint       u16 place in slots from 1, f64 ordinal * 8 + seen, of a record found in what the caller holds
--   records    of all slots, one after another
--
-- Returns, packed alike: u8 0, or 2 where every record was added as a new one; f64 since, per partition f64 stored; per journal
-- u8 (0: not read, 1: what follows the ordinal held, 2: all; 4 more: whoever gets this reply is to compact it; 8 more: it is
-- longer than what is held, or comes whole). Then, but for a 2 in front, per row u8 seen and per slot f64 ordinal, or -1 minus
-- the count where the record was applied before and has left the exact tail (0 for journals that a duplicate or conflict does
-- not touch). Then of each journal with the 8 f64 count before this call; of each that comes whole 8 B incarnation, f64 base,
-- u32 bytes of its sums; of each that is to be compacted u32 generation; then the bytes asked for, journal by journal: sums, if
-- whole, and records.
-- Or, where nothing was written: u8 1, f64 since (-1: an empty bucket), per partition f64 stored (-1: none). Then an offset's
-- predecessor is not the one stored; or -2 for a partition whose chain says that a record was appended which cannot have
-- left its journal's exact tail, and is not there: Redis has lost it, or offsets have begun anew.

local FRESH, REDELIVERY, ADOPTED, DUPLICATE, CONFLICT = 0, 1, 2, 3, 4
-- A journal's TTL is set again when it is touched in another step of the clock than before: so many are in one TTL.
local STEPS_PER_TTL = 8
-- In place of a predecessor or a stored offset.
local ANEW = -2
local HINT_STEPS, SHAPES = 8, 4
local OTHERS, PRIMARY_FIRST, LEFT_PRIMARY, CALLED = 0, 1, 2, 3
local FINGERPRINT, SOURCE = 16, 24
local NO_SOURCE = '\255\255\255\255\255\255\255\255'
-- Whoever appends over a boundary compacts a journal of so many caps of records, and from the second on anybody.
local CAPS_LONG, CAPS_MAX = 4, 8
local SUFFIX, WHOLE, WANTED, MORE = 1, 2, 4, 8
local ANSWERED, REFUSED, ADDED = 0, 1, 2
-- Bytes of the parts of an argument.
local HEAD, PARTITION, ROW, SLOT, HINT = 36, 20, 12, 2, 10
local NO_HINTS = {}
-- Longer journals grow in place (features/store/redis-memory.ts has the same bound).
local REWRITTEN_MAX = 512
local ROWS_MAX, SLOTS_MAX = 64, 1024

local function sourceOf(record)
  return sub(record, SOURCE + 1, SOURCE + 8)
end

-- How the record of a call names the message that adopted it: the top bit of the offset is set.
local function adopter(source)
  return sub(source, 1, 7) .. char(string.byte(source, 8) + 128)
end

-- What the record `found` says of another one with its identity.
local function compare(found, record)
  local source, own = sourceOf(found), sourceOf(record)
  local sameContent = sub(record, FINGERPRINT + 1, FINGERPRINT + 8) == sub(found, FINGERPRINT + 1, FINGERPRINT + 8)
  if own == NO_SOURCE then return sameContent and REDELIVERY or CONFLICT end
  if source == own then return REDELIVERY end
  if source == adopter(own) or (source == NO_SOURCE and sameContent) then return ADOPTED end
  return sameContent and DUPLICATE or CONFLICT
end

local function append(i, record)
  local count = counts[i]
  added[i] = count > befores[i] and added[i] .. record or record
  counts[i], touched[i] = count + 1, true
  return count
end

-- Answers one slot: its value for the reply, seen, and the record that was found. Nil where the record was applied and cannot
-- have left the exact tail, but is not there. `how`: LEFT_PRIMARY, for a repeated duplicate or conflict whose first message
-- has left the primary's exact tail looks like an applied row, and has no record here; CALLED, for of a call's repeat nobody
-- knows how far the call came.
local function put(i, record, hint, applied, how)
  touched[i] = true
  local count = counts[i]
  local tail = boundary(count, caps[i])
  if hint and searched[i] > 0 then
    local ordinal, seen = floor(hint / HINT_STEPS), hint % HINT_STEPS
    if ordinal >= tail then return ordinal, seen end
  end
  local ordinal, found = locate(i, sub(record, IDENTITY + 1, IDENTITY + 8))
  if ordinal then return ordinal, compare(found, record), found end
  if applied or (how == CALLED and tail > 0) then
    if tail == 0 and how ~= LEFT_PRIMARY then return nil end
    return -1 - count, REDELIVERY
  end
  return append(i, record), FRESH
end

local function overwrite(text, at, bytes)
  return sub(text, 1, at) .. bytes .. sub(text, at + #bytes + 1)
end

-- Lets the record of a call name the message of `record`: in Redis, in what is returned, for the rows that follow.
local function adopt(adoptions, i, ordinal, record)
  local source, width = adopter(sourceOf(record)), widths[i]
  if ordinal >= befores[i] then
    added[i] = overwrite(added[i], (ordinal - befores[i]) * width + SOURCE, source)
    return
  end
  local at = firsts[i] + (ordinal - froms[i]) * width + SOURCE
  texts[i] = overwrite(texts[i], at, source)
  adoptions[#adoptions + 1] = { journal = i, at = starts[i] + at, source = source }
end

local function parse(keys, arg)
  local version, renew, partitions, journals, rows, slots, hints, records, ttl, since, incarnation, at =
    unpackBytes('<BBHHHHHI4I4dc8', arg)
  if version ~= 2 or rows > ROWS_MAX or slots > SLOTS_MAX or journals ~= #keys - 1 or ttl == 0 then
    refuse('WEIRARGS', 'a head that this function does not know')
  end
  local parts = HEAD + partitions * PARTITION + journals * JOURNAL + rows * ROW + slots * SLOT + hints * HINT
  if parts + records ~= #arg then refuse('WEIRARGS', 'more or less than it says') end
  local list = {}
  for i = 1, partitions do
    local partition, predecessor, last
    partition, predecessor, last, at = unpackBytes('<I4dd', arg, at)
    list[i] = { partition = partition, predecessor = predecessor, last = last }
  end
  local rowList = { unpackBytes('<' .. rep('HdH', rows), arg, at + journals * JOURNAL) }
  local slotList = { unpackBytes('<' .. rep('H', slots), arg, rowList[rows * 3 + 1]) }
  local hintList, atHints = NO_HINTS, slotList[slots + 1]
  for i = 1, hints do
    local slot, hint
    slot, hint, atHints = unpackBytes('<Hd', arg, atHints)
    if i == 1 then hintList = {} end
    hintList[slot] = hint
  end
  return {
    renew = renew == 1, ttl = ttl, since = since, incarnation = incarnation, partitions = list, journals = journals,
    atJournals = at, rowCount = rows, rows = rowList, slotCount = slots, slots = slotList, hints = hintList,
    records = parts + 1, adoptions = {}
  }
end

local function refusal(request)
  local parts = { packBytes('<Bd', REFUSED, request.sinceStored or -1) }
  for i, partition in ipairs(request.partitions) do
    parts[i + 1] = packBytes('<d', partition.predecessor == ANEW and ANEW or partition.stored)
  end
  return table.concat(parts)
end

-- Reads the chain into the request; false when a predecessor differs.
local function readChain(key, request, prefix)
  local partitions, fields = request.partitions, { 'since' }
  for i = 1, #partitions do
    partitions[i].field = prefix .. partitions[i].partition
    fields[i + 1] = partitions[i].field
  end
  local found = call('HMGET', key, unpack(fields))
  request.sinceStored = found[1] and tonumber(found[1])
  local isNext = true
  for i = 1, #partitions do
    local partition = partitions[i]
    local isAnew = partition.predecessor == ANEW
    partition.stored = not isAnew and tonumber(found[i + 1] or -1) or -1
    partition.reached = partition.stored
    if not isAnew and partition.last > partition.stored and partition.predecessor ~= partition.stored then
      isNext = false
    end
  end
  return isNext
end

-- What a row is after its primary was answered, and how its other slots are to be taken.
local function judge(seen, value, partition)
  if value < 0 then return LEFT_PRIMARY end
  if seen == ADOPTED or (seen == REDELIVERY and not partition) then return CALLED end
  return OTHERS
end

-- What each row was, where its records stand, and whether all were added; nil where a journal lacks what the chain says it has.
local function observeRows(request, arg)
  local rows, slots, hints = request.rows, request.slots, request.hints
  local partitions, journals = request.partitions, request.journals
  local seenList, values = {}, {}
  local slot, at, isAdded = 0, request.records, true
  for row = 1, request.rowCount do
    local place, offset, shape = rows[row * 3 - 2], rows[row * 3 - 1], rows[row * 3]
    local partition = partitions[place]
    if place > #partitions then refuse('WEIRARGS', 'a row of no partition') end
    local applied = partition ~= nil and offset <= partition.reached
    local seen, how = FRESH, shape % SHAPES
    for i = 1, floor(shape / SHAPES) do
      slot = slot + 1
      local journal, hint = slots[slot], hints[slot]
      if slot > request.slotCount or journal == 0 or journal > journals then
        refuse('WEIRARGS', 'a record for no journal')
      end
      local width = widths[journal]
      local record = sub(arg, at, at + width - 1)
      at = at + width
      if at - 1 > #arg then refuse('WEIRARGS', 'less than it says') end
      if seen >= DUPLICATE then
        values[slot] = 0
      elseif not hint and searched[journal] == counts[journal] and not applied and how ~= CALLED then
        -- Whoever sent it has searched all there is.
        values[slot] = append(journal, record)
        if how == PRIMARY_FIRST then how = OTHERS end
      else
        local value, found, other = put(journal, record, hint, applied, how)
        if not value then
          partition.predecessor = ANEW
          return nil
        end
        values[slot] = value
        if found ~= FRESH then isAdded = false end
        if how == PRIMARY_FIRST then
          seen, how = found, judge(found, value, partition)
          if seen == ADOPTED and other and sourceOf(other) == NO_SOURCE then
            adopt(request.adoptions, journal, value, record)
          end
        end
      end
    end
    seenList[row] = seen
    if partition and offset > partition.reached then partition.reached = offset end
  end
  if slot ~= request.slotCount or at - 1 ~= #arg then refuse('WEIRARGS', 'more than it says') end
  return seenList, values, isAdded
end

local function write(key, request)
  local stepS = math.ceil(request.ttl / STEPS_PER_TTL)
  local step = floor(tonumber(call('TIME')[1]) / stepS) % 65536
  local ttl = format('%d', request.ttl + stepS)
  for i = 1, request.journals do
    local key = journalKeys[i + 1]
    if counts[i] > befores[i] then
      if not steps[i] then
        local header = packBytes('<c4I4c8c12HH', MAGIC, 0, request.incarnation, UNSUMMED, widths[i], step)
        call('SET', key, header .. added[i], 'EX', ttl)
        wholes[i] = request.incarnation .. UNSUMMED
      elseif starts[i] == 0 and #texts[i] <= REWRITTEN_MAX then
        -- A string that grows gets twice what it needs: one that is short, and here as a whole, is written anew.
        call('SET', key, texts[i] .. added[i], 'KEEPTTL')
      else
        call('APPEND', key, added[i])
      end
    end
    if touched[i] and steps[i] and steps[i] ~= step then
      call('SETRANGE', key, '30', packBytes('<H', step))
      call('EXPIRE', key, ttl)
    end
  end
  for _, adoption in ipairs(request.adoptions) do
    call('SETRANGE', journalKeys[adoption.journal + 1], format('%d', adoption.at), adoption.source)
  end
  local fields = {}
  -- History never seems longer than it was known to be, whatever call comes late.
  if not request.sinceStored or (request.renew and request.since > request.sinceStored) then
    request.sinceStored = request.since
    fields[1], fields[2] = 'since', request.since
  end
  for _, partition in ipairs(request.partitions) do
    if partition.reached > partition.stored then
      fields[#fields + 1] = partition.field
      fields[#fields + 1] = partition.reached
    end
  end
  if #fields > 0 then call('HSET', key, unpack(fields)) end
end

-- Whether whoever gets the reply is to compact a journal of so many records from its base on.
local function isWanted(i, long)
  local cap = caps[i]
  return long > CAPS_MAX * cap or floor(befores[i] / cap) < floor(counts[i] / cap)
end

local function reply(request, seen, values, isAdded)
  local modes, counted, wholeHeads, wanted, suffixes = {}, {}, {}, {}, {}
  for i = 1, request.journals do
    local mode = 0
    if touched[i] then
      local held, before = helds[i], befores[i]
      mode = SUFFIX
      if searched[i] == 0 then
        mode = WHOLE + MORE
        counted[#counted + 1] = before
        wholeHeads[#wholeHeads + 1] = wholes[i]
        suffixes[#suffixes + 1] = sub(texts[i], HEADER + 1)
      elseif before > held then
        mode = SUFFIX + MORE
        counted[#counted + 1] = before
        suffixes[#suffixes + 1] = sub(texts[i], firsts[i] + (held - froms[i]) * widths[i] + 1)
      end
      local long = counts[i] - bases[i]
      if long >= CAPS_LONG * caps[i] and isWanted(i, long) then
        mode = mode + WANTED
        wanted[#wanted + 1] = packBytes('<I4', generations[i])
      end
    end
    modes[i] = mode
    texts[i] = false
  end
  local parts = { packBytes('<Bd', isAdded and ADDED or ANSWERED, request.sinceStored) }
  for _, partition in ipairs(request.partitions) do parts[#parts + 1] = packBytes('<d', partition.reached) end
  parts[#parts + 1] = char(unpack(modes))
  if not isAdded then
    parts[#parts + 1] = char(unpack(seen))
    parts[#parts + 1] = packBytes('<' .. rep('d', #values), unpack(values))
  end
  if #counted > 0 then parts[#parts + 1] = packBytes('<' .. rep('d', #counted), unpack(counted)) end
  for _, list in ipairs({ wholeHeads, wanted, suffixes }) do
    for k = 1, #list do parts[#parts + 1] = list[k] end
  end
  return table.concat(parts)
end

local function observe(keys, args)
  local request = parse(keys, args[2])
  if not readChain(keys[1], request, args[1]) then return refusal(request) end
  readJournals(request.journals, keys, args[2], request.atJournals)
  local seen, values, isAdded = observeRows(request, args[2])
  if not seen then return refusal(request) end
  write(keys[1], request)
  return reply(request, seen, values, isAdded)
end

register('observe_v2', observe)
