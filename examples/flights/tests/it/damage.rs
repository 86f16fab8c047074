//! Damaged data folders: each fault names its file and place, and nothing panics.

use std::error::Error as _;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use flights::dataset::Outcome;
use flights::load::{LoadError, LoadFault, load};

const HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,\
arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour";
const FLOWN: &str =
    "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z";
const CANCELLED: &str =
    "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,NA,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z";
const WEATHER_HEADER: &str = "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,\
wind_gust,precip,pressure,visib,time_hour";
const WEATHER: &str =
    "EWR,2013,1,1,5,39.02,26.96,61.63,250,8.05546,NA,0,1012.3,10,2013-01-01T10:00:00Z";

/// A data folder of its own for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a folder for the test");
        let folder = Self(folder);
        folder.write("airlines.csv", b"carrier,name\nUA,United Air Lines Inc.\n");
        folder.write(
            "airports.csv",
            b"faa,name,lat,lon,alt,tz,dst,tzone\n\
              EWR,\"Newark, Liberty Intl\",40.6925,-74.1686667,18,-5,A,America/New_York\n",
        );
        folder.write(
            "planes.csv",
            b"tailnum,year,type,manufacturer,model,engines,seats,speed,engine\n\
              N14228,1999,Fixed wing multi engine,BOEING,737-824,2,149,NA,Turbo-fan\n",
        );
        folder.write("weather.csv.gz", &packed(&[WEATHER_HEADER, WEATHER]));
        folder.flights(&[HEADER, FLOWN, CANCELLED]);
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).expect("a file for the test");
    }

    fn flights(&self, lines: &[&str]) {
        self.write("flights.csv.gz", &packed(lines));
    }

    fn fault(&self) -> LoadError {
        load(&self.0, None).expect_err("the folder is damaged")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn packed(lines: &[&str]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for line in lines {
        writeln!(encoder, "{line}").expect("a vector takes all bytes");
    }
    encoder.finish().expect("a vector takes all bytes")
}

/// The flown row with one field replaced.
fn with(column: usize, value: &str) -> String {
    let mut fields: Vec<&str> = FLOWN.split(',').collect();
    fields[column] = value;
    fields.join(",")
}

#[test]
fn a_sound_folder_loads() {
    let folder = Folder::new();
    let dataset = load(&folder.0, None).expect("nothing is wrong with it");
    assert_eq!(dataset.flights.len(), 2);
    assert_eq!(dataset.flights[0].scheduled.to_string(), "2013-01-01 10:15");
    assert_eq!(dataset.flights[1].outcome, Outcome::Cancelled);
    assert_eq!(dataset.roster.airlines[1].name, "EV"); // not in airlines.csv
    assert_eq!(dataset.roster.airports[0].name, "Newark, Liberty Intl");
    assert_eq!(dataset.roster.regions, ["America/New_York", "unknown"]);
    assert_eq!(dataset.roster.planes[0].model.as_deref(), Some("737-824"));
    assert_eq!(dataset.records.aircraft("N14228").map(|aircraft| aircraft.seats), Ok(149));
    assert_eq!(dataset.records.hours_of_weather(), 1);
    let weather = dataset.records.weather("EWR", dataset.flights[0].scheduled.hour_start());
    assert_eq!(weather.map(|weather| weather.visibility_miles), Ok(10.0));
}

#[test]
fn a_limit_takes_the_first_flights_and_their_participants_only() {
    let folder = Folder::new();
    let dataset = load(&folder.0, NonZeroUsize::new(1)).expect("one flight is there");
    assert_eq!(dataset.flights.len(), 1);
    assert_eq!(dataset.roster.actors(), 1 + 1 + 2 + 1);
    let error = load(&folder.0, NonZeroUsize::new(3)).expect_err("two are there");
    assert!(error.to_string().ends_with("holds 2 flights, 3 were asked for"), "{error}");
}

#[test]
fn every_missing_file_is_named() {
    for name in ["flights.csv.gz", "airlines.csv", "airports.csv", "planes.csv", "weather.csv.gz"] {
        let folder = Folder::new();
        fs::remove_file(folder.0.join(name)).expect("the file was there");
        let error = folder.fault();
        assert!(error.file().ends_with(name));
        assert!(matches!(error.fault(), LoadFault::Unreadable(_)));
        assert!(error.source().is_some());
        assert!(error.advice().contains("--flights-from DIR"));
    }
}

#[test]
fn a_flights_file_cut_anywhere_is_damaged() {
    let folder = Folder::new();
    let whole = packed(&[HEADER, FLOWN, CANCELLED]);
    for length in 0..whole.len() {
        folder.write("flights.csv.gz", &whole[..length]);
        let error = folder.fault();
        let gzip = matches!(error.fault(), LoadFault::Gzip { .. });
        assert!(gzip || length == 0, "cut at {length}: {error}");
    }
}

#[test]
fn a_changed_byte_in_the_packed_flights_is_found_or_changes_nothing() {
    let folder = Folder::new();
    let whole = packed(&[HEADER, FLOWN, CANCELLED]);
    let sound = load(&folder.0, None).expect("nothing is wrong with it").flights;
    for position in 0..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 0x10;
        folder.write("flights.csv.gz", &changed);
        match load(&folder.0, None) {
            Ok(dataset) => assert_eq!(dataset.flights, sound, "byte {position}"),
            Err(error) => assert!(error.file().ends_with("flights.csv.gz")),
        }
    }
}

#[test]
fn bytes_after_the_end_of_the_gzip_stream_are_damage() {
    let folder = Folder::new();
    let mut bytes = packed(&[HEADER, FLOWN]);
    bytes.extend(b"rubbish after the end");
    folder.write("flights.csv.gz", &bytes);
    assert!(matches!(folder.fault().fault(), LoadFault::Gzip { .. }));
}

#[test]
fn a_file_without_rows_is_damaged() {
    let folder = Folder::new();
    for lines in [&[][..], &[HEADER]] {
        folder.flights(lines);
        assert!(matches!(folder.fault().fault(), LoadFault::Empty));
    }
}

#[test]
fn a_wrong_header_names_the_column() {
    let folder = Folder::new();
    for (header, message) in [
        (
            HEADER.replace("dep_delay", "delay"),
            "column 6 of the header is `delay`, expected `dep_delay`",
        ),
        (HEADER.replace(",time_hour", ""), "column 19 of the header is ``, expected `time_hour`"),
        (HEADER.to_owned() + ",extra", "the header has a column 20 too many: `extra`"),
    ] {
        folder.flights(&[&header, FLOWN]);
        let error = folder.fault().to_string();
        assert!(error.contains("flights.csv.gz: line 1: ") && error.ends_with(message), "{error}");
    }
    folder.write("airlines.csv", b"code,name\nUA,United\n");
    assert!(folder.fault().to_string().contains("airlines.csv: line 1: column 1"));
}

#[test]
fn a_line_with_too_few_fields_names_its_place() {
    let folder = Folder::new();
    let short = FLOWN.rsplit_once(',').expect("it has commas").0;
    folder.flights(&[HEADER, FLOWN, short]);
    let byte = HEADER.len() + FLOWN.len() + 2;
    let error = folder.fault().to_string();
    let place = format!("line 3 (byte {byte} of the text) has 18 fields, expected 19");
    assert!(error.ends_with(&place), "{error}");
}

#[test]
fn a_field_that_holds_something_else_names_line_column_and_value() {
    let folder = Folder::new();
    for (column, value, message) in [
        (0, "20x3", "column `year` holds `20x3`, expected a year"),
        (1, "13", "column `month` holds `13`, expected a month from 1 to 12"),
        (2, "NA", "column `day` holds `NA`, expected a day from 1 to 31"),
        (3, "2460", "column `dep_time` holds `2460`, expected a clock time"),
        (5, "two", "column `dep_delay` holds `two`, expected a whole number of minutes"),
        (8, "40000", "column `arr_delay` holds `40000`, expected a whole number of minutes"),
        (9, "", "column `carrier` holds ``, expected a carrier code"),
        (10, "-1", "column `flight` holds `-1`, expected a flight number"),
        (12, "NA", "column `origin` holds `NA`, expected an airport code"),
        (14, "-5", "column `air_time` holds `-5`, expected a whole number of minutes"),
        (15, "1e3", "column `distance` holds `1e3`, expected a distance in whole miles"),
        (17, "60", "column `minute` holds `60`, expected a minute from 0 to 59"),
        (
            18,
            "2013-02-30T10:00:00Z",
            "column `time_hour` holds `2013-02-30T10:00:00Z`, expected a UTC hour",
        ),
    ] {
        folder.flights(&[HEADER, FLOWN, &with(column, value)]);
        let error = folder.fault().to_string();
        assert!(error.contains("flights.csv.gz: line 3: ") && error.contains(message), "{error}");
    }
}

#[test]
fn damage_in_the_weather_names_its_place() {
    let folder = Folder::new();
    let half_past = WEATHER.replace("T10:00", "T10:30");
    let blind = WEATHER.replace(",10,2013", ",NA,2013");
    for (lines, message) in [
        ([WEATHER_HEADER, &half_past], "line 2: column `time_hour` holds `2013-01-01T10:30:00Z`"),
        ([WEATHER_HEADER, &blind], "line 2: column `visib` holds `NA`, expected a visibility"),
        ([WEATHER, WEATHER], "line 1: column 1 of the header is `EWR`, expected `origin`"),
    ] {
        folder.write("weather.csv.gz", &packed(&lines));
        let error = folder.fault().to_string();
        assert!(error.contains("weather.csv.gz: ") && error.contains(message), "{error}");
    }
    folder.write("weather.csv.gz", &packed(&[WEATHER_HEADER, WEATHER, WEATHER]));
    let error = folder.fault();
    assert!(matches!(error.fault(), LoadFault::Contradiction { line: 3, .. }), "{error}");
}

#[test]
fn fields_that_contradict_each_other_are_damage() {
    let folder = Folder::new();
    // No departure time but a delay; a departure without delay; an arrival without air time.
    for (column, value) in [(3, "NA"), (5, "NA"), (6, "NA"), (8, "NA"), (14, "NA")] {
        folder.flights(&[HEADER, &with(column, value)]);
        let error = folder.fault();
        assert!(matches!(error.fault(), LoadFault::Contradiction { line: 2, .. }), "{error}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_damage() {
    let folder = Folder::new();
    folder.write("airlines.csv", b"carrier,name\nUA,\xff\xfe\n");
    let error = folder.fault().to_string();
    assert!(error.contains("line 2: column `name` holds"), "{error}");
}
