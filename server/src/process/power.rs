//! Whether the machine runs on its battery. It must not know what that decides.
//!
//! Linux tells, in `/sys/class/power_supply`; of other systems it is not known, and they count as plugged in.

use std::fs;
use std::path::Path;

/// Whether a battery feeds the machine now. It reads a few small files, which may take milliseconds.
pub(crate) fn on_battery() -> bool {
    cfg!(target_os = "linux") && any_discharges(Path::new("/sys/class/power_supply"))
}

/// Whether one of the machine's own batteries discharges. A mouse's says that it is a device's.
fn any_discharges(supplies: &Path) -> bool {
    let Ok(supplies) = fs::read_dir(supplies) else {
        return false;
    };
    supplies.flatten().any(|supply| {
        let is = |file: &str, value: &str| {
            fs::read_to_string(supply.path().join(file)).is_ok_and(|text| text.trim().eq_ignore_ascii_case(value))
        };
        is("type", "Battery") && is("status", "Discharging") && !is("scope", "Device")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(supplies: &[(&str, &[(&str, &str)])], expected: bool) {
        let folder = tempfile::tempdir().unwrap();
        for (name, files) in supplies {
            fs::create_dir(folder.path().join(name)).unwrap();
            for (file, text) in *files {
                fs::write(folder.path().join(name).join(file), format!("{text}\n")).unwrap();
            }
        }
        assert_eq!(any_discharges(folder.path()), expected, "{supplies:?}");
    }

    #[test]
    fn a_battery_that_discharges_feeds_the_machine() {
        let mains: (&str, &[(&str, &str)]) = ("AC", &[("type", "Mains"), ("online", "0")]);
        check(
            &[mains, ("BAT0", &[("type", "Battery"), ("status", "Discharging")])],
            true,
        );
        check(
            &[mains, ("BAT0", &[("type", "Battery"), ("status", "Charging")])],
            false,
        );
        check(&[("BAT0", &[("type", "Battery"), ("status", "Full")])], false);
        let mouse = [("type", "Battery"), ("status", "Discharging"), ("scope", "Device")];
        check(&[mains, ("hid-mouse", &mouse)], false);
        check(&[mains, ("broken", &[])], false);
        check(&[], false);
        assert!(!any_discharges(Path::new("/no/such/folder")));
    }
}
