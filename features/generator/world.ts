// The fixed scenery: cities, kinds of business, and when people are awake. Round figures from general knowledge, none of them
// taken from anybody's data.

/** A place where cards live or travel to. Offsets are standard time all year: the generator knows no daylight saving. */
export interface City {
  readonly country: string
  readonly utcOffsetHours: number
  readonly latitude: number
  readonly longitude: number
  /** How many cards live here, in proportion. */
  readonly homes: number
  /** How many trips lead here, in proportion. */
  readonly visits: number
}

function city(
  country: string,
  utcOffsetHours: number,
  latitude: number,
  longitude: number,
  homes: number,
  visits: number,
): City {
  return { country, utcOffsetHours, latitude, longitude, homes, visits }
}

/** The first city of a country is where its mobile networks reach the internet. */
export const cities: readonly City[] = [
  city('DE', 1, 52.52, 13.405, 9, 6),
  city('DE', 1, 53.551, 9.994, 5, 3),
  city('DE', 1, 48.137, 11.575, 5, 4),
  city('DE', 1, 50.938, 6.96, 4, 2),
  city('FR', 1, 48.857, 2.352, 10, 9),
  city('FR', 1, 45.764, 4.836, 4, 2),
  city('FR', 1, 43.296, 5.37, 4, 3),
  city('ES', 1, 40.417, -3.704, 6, 6),
  city('ES', 1, 41.388, 2.17, 5, 8),
  city('ES', 1, 37.389, -5.984, 3, 4),
  city('IT', 1, 41.903, 12.496, 5, 8),
  city('IT', 1, 45.464, 9.19, 5, 4),
  city('IT', 1, 40.852, 14.268, 3, 3),
  city('NL', 1, 52.368, 4.904, 5, 5),
  city('NL', 1, 51.924, 4.478, 3, 1),
  city('BE', 1, 50.85, 4.352, 4, 3),
  city('AT', 1, 48.208, 16.374, 4, 5),
  city('PT', 0, 38.722, -9.139, 4, 6),
  city('IE', 0, 53.35, -6.26, 3, 2),
  city('FI', 2, 60.17, 24.938, 3, 1),
  city('GR', 2, 37.984, 23.728, 3, 6),
  city('US', -5, 40.713, -74.006, 2, 3),
  city('US', -8, 34.052, -118.244, 1, 2),
  city('SG', 8, 1.352, 103.82, 1, 1),
  city('GB', 0, 51.507, -0.128, 0, 8),
  city('CH', 1, 47.377, 8.541, 0, 4),
  city('TR', 3, 41.008, 28.978, 0, 6),
  city('AE', 4, 25.204, 55.271, 0, 2),
  city('TH', 7, 13.756, 100.502, 0, 3),
  city('MA', 1, 31.629, -7.981, 0, 2),
]

/** How a price ends: any cent, mostly …,99, mostly whole, or one of a few fixed sums. */
export type PriceEnding = 'any' | 'ninety-nine' | 'whole' | 'fixed'

/** A kind of business, by ISO 18245 merchant category code. */
export interface Sector {
  readonly mcc: string
  readonly isOnline: boolean
  /** Share of the purchases of its side (shops or online), in proportion. */
  readonly weight: number
  readonly medianMinor: number
  readonly sigma: number
  readonly ending: PriceEnding
  /** What a thief can sell on: goods, or codes as good as money. */
  readonly resale: 'goods' | 'codes' | null
}

function sector(
  mcc: string,
  isOnline: boolean,
  weight: number,
  medianMinor: number,
  sigma: number,
  ending: PriceEnding = 'any',
  resale: Sector['resale'] = null,
): Sector {
  return { mcc, isOnline, weight, medianMinor, sigma, ending, resale }
}

export const sectors: readonly Sector[] = [
  sector('5411', false, 25, 2300, 0.8),
  sector('5499', false, 9, 780, 0.7),
  sector('5812', false, 12, 2900, 0.65, 'whole'),
  sector('5814', false, 11, 920, 0.55),
  sector('5541', false, 9, 5200, 0.4),
  sector('5912', false, 6, 1500, 0.7),
  sector('5651', false, 8, 4900, 0.75, 'ninety-nine', 'goods'),
  sector('5732', false, 4, 11000, 1.0, 'ninety-nine', 'goods'),
  sector('5944', false, 1.5, 13500, 1.0, 'whole', 'goods'),
  sector('5311', false, 6, 4800, 0.85, 'ninety-nine', 'goods'),
  sector('5200', false, 4, 4200, 0.85, 'ninety-nine'),
  sector('7230', false, 2.5, 3200, 0.4, 'whole'),
  sector('7011', false, 2, 13000, 0.55),
  sector('8099', false, 1.5, 5500, 0.8),
  sector('5399', true, 22, 2900, 0.95, 'ninety-nine', 'goods'),
  sector('5651', true, 10, 5600, 0.7, 'ninety-nine', 'goods'),
  sector('5732', true, 7, 8900, 1.0, 'ninety-nine', 'goods'),
  sector('5942', true, 6, 1900, 0.6, 'ninety-nine'),
  sector('5814', true, 12, 2400, 0.45),
  sector('5816', true, 8, 1200, 0.8, 'fixed', 'codes'),
  sector('5818', true, 6, 990, 0.9, 'ninety-nine'),
  sector('5947', true, 4, 4200, 0.7, 'fixed', 'codes'),
  sector('6540', true, 4, 4000, 0.8, 'fixed', 'codes'),
  sector('4722', true, 4, 19000, 0.8),
  sector('4511', true, 4, 17000, 0.7),
  sector('8398', true, 4, 1400, 0.9, 'fixed'),
  sector('7995', true, 4, 2200, 0.9, 'fixed'),
  sector('4814', true, 5, 1800, 0.5, 'fixed'),
]

/** Businesses outside the popularity law: each city has one of the first two, subscriptions come from a few services. */
export const transitSector = sectors.length
export const cashSector = sectors.length + 1
export const subscriptionSector = sectors.length + 2
export const allSectors: readonly Sector[] = [
  ...sectors,
  sector('4111', false, 0, 240, 0.1),
  sector('6011', false, 0, 6000, 0.7, 'whole'),
  sector('5968', true, 0, 1099, 0.5, 'ninety-nine'),
]

/** Sums that gift cards, top-ups and donations are sold in, minor units. */
export const fixedSumsMinor: readonly number[] = [
  200, 300, 500, 1000, 1500, 2000, 2500, 3000, 5000, 7500, 10000, 15000, 20000, 25000, 50000,
]

/** Purchases by local hour, in proportion: people who work by day, those who are up late, and night workers. */
export const hourWeights: readonly (readonly number[])[] = [
  [2, 1, 1, 1, 1, 3, 9, 22, 34, 38, 42, 50, 66, 58, 48, 50, 60, 76, 82, 70, 52, 34, 18, 7],
  [14, 8, 4, 2, 1, 1, 3, 8, 16, 26, 34, 42, 54, 54, 50, 52, 58, 66, 72, 76, 74, 66, 48, 28],
  [44, 38, 40, 42, 36, 34, 46, 52, 36, 18, 8, 5, 5, 6, 12, 26, 42, 54, 58, 52, 46, 40, 42, 46],
]

/** Purchases by local weekday from Sunday on, in proportion, for the same three. */
export const weekdayWeights: readonly (readonly number[])[] = [
  [8, 9, 9.5, 10, 10.5, 13, 14],
  [10, 8, 8.5, 9, 10.5, 14, 15],
  [10, 10, 10, 10, 10, 10.5, 10],
]

/** Days of the month on which salaries come; every card has one of them. */
export const paydays: readonly number[] = [1, 15, 25]
