// Every parameter of the generator, each with its unit, its meaning and why it has its value. Two sets: models are trained
// on the default and judged on the evaluation set, which differs in seed and in how the fraudsters work.

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Names carry the unit: `…Ms` milliseconds, `…Share` a fraction of 1, `…Median` and `…Sigma` of a lognormal (σ of the logarithm). */
export const defaultParameters = {
  /** Any integer up to 2^53: the same parameters give the same bytes on every machine. */
  seed: 1,
  /** Event time of the beginning, ms UTC. A Monday, long enough ago for every label of a year to lie in the past. */
  startMs: Date.UTC(2025, 0, 6),
  /** Rows to give, repeats included; null: as many as `durationMs` holds. 200,000 are about 23 days. */
  rows: 200_000 as number | null,
  /** Span of event time; null: as long as `rows` asks. */
  durationMs: null as number | null,
  /** Transactions per second of event time, the mean over weeks. With 5,000 cards 1.7 per card and day, as a main card has. */
  ratePerSecond: 0.1,

  population: {
    /** Cards in use. Memory grows with this (about 1 kB each), not with the length. `atRate` scales it with the rate. */
    cards: 5000,
    /** Merchants of the popularity law; transit, cash machines and subscription services come on top. */
    merchants: 2500,
    /** The r-th most popular merchant has a share in proportion to r^−exponent (Zipf). 0.9: the first of 2,500 has 6 %. */
    zipfExponent: 0.9,
    /** Cards that share a home, its address and its computer with other cards: families. */
    familyShare: 0.45,
    /** Spread of how often a card is used: with σ 0.8 the busiest tenth makes a third of all transactions. */
    activitySigma: 0.8,
    /** Spread of what a card spends on the same thing. */
    spendingSigma: 0.45,
    /** Spread of prices between merchants of one category. */
    priceSigma: 0.45,
    /** Mean share of a card's purchases that are online; single cards lie anywhere between 3 and 90 %. */
    onlineShare: 0.38,
    /** Cards of people who work at night or in shifts and buy at hours that look like a thief's. */
    nightShare: 0.06,
    /** Cards that pay for the way to work: many small transactions at a few merchants of high velocity. */
    commuterShare: 0.3,
    /** Cards in a phone's wallet: contactless transactions then carry the phone. */
    walletShare: 0.4,
    /** Cards whose owner often hides behind a VPN exit in another country, which thieves use as well. */
    vpnShare: 0.05,
    /** Online merchants that also take orders by phone: one device and address for many cards, honestly. */
    agentShare: 0.06,
    /** Subscriptions per card. */
    subscriptions: 1.4,
  },

  habits: {
    /** Purchases made at one of a card's nine usual merchants rather than anywhere. */
    favouriteShare: 0.68,
    /** Purchases that begin a shopping trip or are soon repeated: one to three more follow within the hour. */
    sessionShare: 0.13,
    /** How much more is spent on the day after payday; it fades over a week. */
    paydayBoost: 0.4,
    /** Trips per card and year; single cards differ by a factor of several. Half of them go abroad. */
    tripsPerYear: 2.2,
    /** Purchases that are large for the card: furniture, jewellery, a journey. */
    largeShare: 0.012,
    /** A phone is replaced after this mean time. */
    phoneLifeMs: 730 * day,
    /** A home's address on the network is renewed after this mean time. */
    homeIpLifeMs: 21 * day,
    /** Cards behind one address of a mobile network. */
    cardsPerMobileIp: 40,
    /** Sales rushes per day: for 20 minutes one online merchant takes a large part of all online purchases. */
    rushesPerDay: 0.7,
  },

  fraud: {
    /** Transactions that are fraud: 0.3 %, between card programmes with strong checks (0.05) and online acquirers (1). */
    share: 0.003,
    /** How the fraudulent transactions divide among the patterns; only the proportions count. */
    mix: {
      card_testing: 0.22,
      stolen_card: 0.26,
      account_takeover: 0.18,
      compromised_merchant: 0.24,
      bust_out: 0.1,
    },
    /** Thieves on a proxy among the victim's neighbours: a home address of the same country. */
    residentialProxyShare: 0.35,
    /** Many cards tried with small amounts at one merchant. */
    cardTesting: {
      /** Cards per episode, mean. */
      cards: 26,
      /** Time between two trials, mean. */
      gapMs: 75 * second,
      /** Trials before device and address are changed. */
      trialsPerDevice: 9,
      /** What a trial costs: little, so that nobody looks. */
      amountMedianMinor: 290,
      /** Spread of it. */
      amountSigma: 0.7,
      /** Cards that passed and are used for goods within three days. */
      usedShare: 0.08,
      /** Purchases with each of these, mean. */
      purchases: 2.5,
    },
    /** A lost or copied card, used in shops until it is blocked. */
    stolenCard: {
      /** Purchases per card, mean. */
      purchases: 5,
      /** Time between two purchases, mean. */
      gapMs: 35 * minute,
      /** Used in the owner's own city and waking hours; the others are used far away, at any hour. */
      nearShare: 0.45,
      /** Purchases at ordinary shops, small and contactless, between the ones for resale. */
      ordinaryShare: 0.35,
      /** What is bought for resale costs this many times the merchant's usual price, median. */
      factor: 1.5,
    },
    /** Somebody else in the owner's account. */
    accountTakeover: {
      /** Small purchases at the card's usual merchants first, mean. */
      usual: 1.6,
      /** Gift cards, top-ups and goods afterwards, mean. */
      spending: 4,
      /** Time between two purchases, mean: no hurry while the owner notices nothing. */
      gapMs: 3 * hour,
      /** What is bought costs this many times the merchant's usual price, median. */
      factor: 1.7,
    },
    /** Card data copied at one merchant, used elsewhere weeks later. */
    compromisedMerchant: {
      /** For how long cards are copied. */
      copyingMs: 10 * day,
      /** Cards used of those copied, mean. */
      cards: 14,
      /** Shortest time between copying and use. */
      dormancyMinMs: 7 * day,
      /** Longest time between copying and use. */
      dormancyMaxMs: 40 * day,
      /** Purchases per card, mean. */
      purchases: 2.4,
      /** Time between two purchases, mean. */
      gapMs: 9 * hour,
      /** What is bought costs this many times the merchant's usual price, median. */
      factor: 1.2,
    },
    /** The owner builds up trust and then spends what the limit allows, on the own device. */
    bustOut: {
      /** How long trust is built up, mean. */
      buildUpMs: 30 * day,
      /** Time between two purchases of the build-up, which are honest. */
      buildUpGapMs: 36 * hour,
      /** Purchases of the final spree, mean. */
      purchases: 12,
      /** Time between two purchases of the spree, mean. */
      gapMs: 3 * hour,
      /** What is bought then costs this many times the merchant's usual price, median. */
      factor: 2.2,
    },
  },

  labels: {
    /** Delay of a fraud label: a chargeback comes when the statement was read. Cut to between the two bounds below. */
    delayMedianMs: 8 * day,
    /** Spread of that delay. */
    delaySigma: 0.75,
    /** No fraud label comes sooner. */
    delayMinMs: 1 * day,
    /** Also when a transaction that nobody disputed is confirmed as legitimate. */
    delayMaxMs: 30 * day,
    /** Frauds that nobody reports, by pattern: small trials go unnoticed, a bust-out is booked as a credit loss. */
    unreportedShare: {
      card_testing: 0.3,
      stolen_card: 0.08,
      account_takeover: 0.1,
      compromised_merchant: 0.12,
      bust_out: 0.4,
    },
    /** Unreported frauds that are confirmed as legitimate like any undisputed transaction; the others stay unlabelled. */
    wronglyLegitShare: 0.3,
    /** Honest transactions that are confirmed as legitimate at `delayMaxMs`; the others stay unlabelled. */
    legitShare: 0.7,
    /** Honest transactions that the owner disputes as fraud all the same: about one fraud label in twenty-five. */
    friendlyFraudShare: 0.0001,
  },

  arrival: {
    /** Between event and receipt of a prompt transaction. Constant, so that the shares below are all the disorder there is. */
    promptMs: 180,
    /** Transactions that come out of order, by minutes. */
    outOfOrderShare: 0.01,
    /** How long these are under way, mean. */
    outOfOrderMeanMs: 3 * minute,
    /** The longest. */
    outOfOrderMaxMs: 15 * minute,
    /** Transactions that come late, by hours to days: terminals and buses without network. */
    lateShare: 0.002,
    /** How long these are under way, at least. */
    lateMinMs: 1 * hour,
    /** The mean. */
    lateMeanMs: 10 * hour,
    /** The longest; less than the labels take, which never come first. */
    lateMaxMs: 72 * hour,
    /** Transactions that are sent again, with the same id and content. */
    duplicateShare: 0.003,
    /** After how long they come again, median. */
    duplicateMedianMs: 40 * second,
    /** Spread of it. */
    duplicateSigma: 1.8,
    /** The shortest. */
    duplicateMinMs: 1 * second,
    /** The longest. */
    duplicateMaxMs: 6 * hour,
  },
}

export type GeneratorParameters = typeof defaultParameters

/** Another seed and fraudsters who work otherwise: slower, nearer, more devices. What a model must not have learnt by heart. */
export const evaluationParameters: GeneratorParameters = {
  ...defaultParameters,
  seed: 7_654_321,
  startMs: Date.UTC(2025, 6, 7),
  fraud: {
    ...defaultParameters.fraud,
    mix: {
      card_testing: 0.18,
      stolen_card: 0.22,
      account_takeover: 0.24,
      compromised_merchant: 0.26,
      bust_out: 0.1,
    },
    residentialProxyShare: 0.5,
    cardTesting: {
      ...defaultParameters.fraud.cardTesting,
      cards: 18,
      gapMs: 4 * minute,
      trialsPerDevice: 4,
      amountMedianMinor: 520,
    },
    stolenCard: {
      ...defaultParameters.fraud.stolenCard,
      purchases: 4,
      gapMs: 70 * minute,
      nearShare: 0.6,
      factor: 1.2,
    },
    accountTakeover: {
      ...defaultParameters.fraud.accountTakeover,
      usual: 2.5,
      gapMs: 7 * hour,
      factor: 1.4,
    },
    compromisedMerchant: {
      ...defaultParameters.fraud.compromisedMerchant,
      cards: 9,
      dormancyMinMs: 12 * day,
      dormancyMaxMs: 55 * day,
      purchases: 1.8,
      gapMs: 20 * hour,
    },
    bustOut: { ...defaultParameters.fraud.bustOut, buildUpMs: 45 * day, gapMs: 6 * hour },
  },
}

/** The same card programme at another rate: cards grow with it, so that each lives as before, merchants with its root. */
export function atRate(
  parameters: GeneratorParameters,
  ratePerSecond: number,
): GeneratorParameters {
  const scale = ratePerSecond / parameters.ratePerSecond
  return {
    ...parameters,
    ratePerSecond,
    population: {
      ...parameters.population,
      cards: Math.max(50, Math.round(parameters.population.cards * scale)),
      merchants: Math.max(200, Math.round(parameters.population.merchants * Math.sqrt(scale))),
    },
  }
}

/** Throws one RangeError that names every parameter that is missing, unknown or out of range. */
export function checkParameters(parameters: GeneratorParameters): void {
  const faults: string[] = []
  checkGroup(parameters, defaultParameters, '', faults)
  const { population, arrival, labels, fraud } = parameters
  const whole = { cards: population.cards, merchants: population.merchants }
  for (const [name, count] of Object.entries(whole)) {
    if (!Number.isInteger(count))
      faults.push(`population.${name}: expected a whole number, found ${count}`)
  }
  if (population.cards < 50) faults.push('population.cards: expected at least 50')
  if (population.merchants < 200) faults.push('population.merchants: expected at least 200')
  if (parameters.rows === null && parameters.durationMs === null) {
    faults.push('rows, durationMs: expected one of them, found neither')
  }
  if (arrival.outOfOrderShare + arrival.lateShare > 1) {
    faults.push('arrival: expected outOfOrderShare + lateShare of at most 1')
  }
  if (arrival.lateMaxMs >= labels.delayMaxMs) {
    faults.push('arrival.lateMaxMs: expected less than labels.delayMaxMs')
  }
  if (labels.delayMinMs > labels.delayMaxMs) {
    faults.push('labels.delayMinMs: expected at most labels.delayMaxMs')
  }
  if (fraud.share > 0.2) faults.push('fraud.share: expected at most 0.2')
  if (faults.length > 0) throw new RangeError(faults.join('\n'))
}

function checkGroup(found: object, expected: object, path: string, faults: string[]): void {
  for (const name of Object.keys(found)) {
    if (!(name in expected)) faults.push(`${path}${name}: expected no such parameter`)
  }
  for (const [name, like] of Object.entries(expected) as [string, unknown][]) {
    const value = (found as Record<string, unknown>)[name]
    if (typeof like === 'object' && like !== null) {
      if (typeof value === 'object' && value !== null) {
        checkGroup(value, like, `${path}${name}.`, faults)
      } else faults.push(`${path}${name}: expected a group of parameters`)
    } else if (value === null && (name === 'rows' || name === 'durationMs')) {
      continue
    } else if (typeof value !== 'number' || !Number.isFinite(value)) {
      faults.push(`${path}${name}: expected a number`)
    } else {
      const isShare = /share$/i.test(name) || path.endsWith('Share.')
      const max = isShare ? 1 : Number.MAX_SAFE_INTEGER
      if (value < 0 || value > max)
        faults.push(`${path}${name}: expected 0 to ${max}, found ${value}`)
      if (/^(seed|rows|startMs|durationMs)$/.test(name) && !Number.isInteger(value)) {
        faults.push(`${path}${name}: expected a whole number, found ${value}`)
      }
    }
  }
}
