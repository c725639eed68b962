//! Points on the globe and the great-circle distance between them. Distance is geometry, so it is computed in
//! floating point; it leaves this module as whole miles, so that no price depends on a last bit.

use serde::{Deserialize, Serialize};

/// Mean Earth radius (IUGG R1, 6 371.0088 km) in statute miles.
const EARTH_RADIUS_MILES: f64 = 3_958.761_3;

/// A point in WGS 84 degrees, in range by construction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Degrees")]
pub struct GeoPoint {
    latitude: f64,
    longitude: f64,
}

/// Why a pair of numbers is no point on the globe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfRange {
    /// Latitude is not a number from -90 to 90.
    #[error("latitude must be from -90 to 90 degrees")]
    Latitude,
    /// Longitude is not a number from -180 to 180.
    #[error("longitude must be from -180 to 180 degrees")]
    Longitude,
}

#[derive(Deserialize)]
struct Degrees {
    latitude: f64,
    longitude: f64,
}

impl TryFrom<Degrees> for GeoPoint {
    type Error = OutOfRange;

    fn try_from(raw: Degrees) -> Result<Self, OutOfRange> {
        Self::new(raw.latitude, raw.longitude)
    }
}

impl GeoPoint {
    /// Makes a point from degrees north and degrees east.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, OutOfRange> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(OutOfRange::Latitude);
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(OutOfRange::Longitude);
        }
        Ok(Self { latitude, longitude })
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// Great-circle distance (haversine) in whole statute miles, rounded to the nearest.
    pub fn miles_to(self, other: Self) -> u32 {
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_rise = ((to - from) / 2.0).sin();
        let half_turn = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let chord = half_rise * half_rise + from.cos() * to.cos() * half_turn * half_turn;
        let miles = 2.0 * EARTH_RADIUS_MILES * chord.clamp(0.0, 1.0).sqrt().asin();
        miles.round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(latitude: f64, longitude: f64) -> GeoPoint {
        GeoPoint::new(latitude, longitude).unwrap()
    }

    #[test]
    fn known_distances_are_met_within_a_mile() {
        let (new_york, los_angeles) = (point(40.7128, -74.0060), point(34.0522, -118.2437));
        assert!(new_york.miles_to(los_angeles).abs_diff(2446) <= 1);
        assert_eq!(new_york.miles_to(new_york), 0);
        assert!(point(0.0, 0.0).miles_to(point(0.0, 180.0)).abs_diff(12_437) <= 1);
    }

    #[test]
    fn distance_crosses_the_date_line_the_short_way() {
        assert!(point(0.0, 179.5).miles_to(point(0.0, -179.5)).abs_diff(69) <= 1);
    }

    #[test]
    fn what_is_not_on_the_globe_is_refused() {
        assert_eq!(GeoPoint::new(90.1, 0.0), Err(OutOfRange::Latitude));
        assert_eq!(GeoPoint::new(f64::NAN, 0.0), Err(OutOfRange::Latitude));
        assert_eq!(GeoPoint::new(0.0, f64::INFINITY), Err(OutOfRange::Longitude));
        assert!(serde_json::from_str::<GeoPoint>(r#"{"latitude":91,"longitude":0}"#).is_err());
    }
}
