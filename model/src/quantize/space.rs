//! How much room there is on a disk.
//!
//! Must not know what it is for.

use std::path::PathBuf;

/// The bytes that may be written to the disk of a folder; `None` where the system does not tell.
#[cfg(unix)]
#[cfg_attr(
    target_os = "linux",
    expect(clippy::unnecessary_cast, reason = "the types differ between systems")
)]
pub(super) fn free_bytes(folder: PathBuf) -> Option<u64> {
    use std::os::unix::ffi::OsStringExt;
    let path = std::ffi::CString::new(folder.into_os_string().into_vec()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero byte, and there is room for what is written.
    let done = unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) } == 0;
    // SAFETY: the structure has only numbers, for which the zeros it was made of are values, too.
    let found = unsafe { found.assume_init() };
    done.then(|| (found.f_bavail as u64).saturating_mul(found.f_frsize as u64))
}

#[cfg(not(unix))]
pub(super) fn free_bytes(_: PathBuf) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::free_bytes;

    #[test]
    fn a_folder_has_room_and_none_has_none() {
        assert!(free_bytes(std::env::temp_dir()).unwrap() > 0);
        assert_eq!(free_bytes("/no/such/folder".into()), None);
    }
}
