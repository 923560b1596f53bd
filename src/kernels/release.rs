//! Which of some packages has the newest kernel, by its name. No I/O.

/// What `--kernel debian:NAME` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DebianKernel {
    /// The newest kernel whose version begins so: `6.1`, `6.12.117`.
    Version(String),
    /// The newest kernel of a suite: `sid`, `trixie`, `stable`.
    Suite(String),
}

impl DebianKernel {
    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        let is_known = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '+' | '~');
        match name.chars().next()? {
            _ if !name.chars().all(is_known) => None,
            '0'..='9' => Some(Self::Version(name.to_owned())),
            'a'..='z' => Some(Self::Suite(name.to_owned())),
            _ => None,
        }
    }

    /// The names of its packages, as a regular expression of `apt-cache search`. A kernel for clouds is built for virtual machines.
    pub fn packages(&self, architecture: &str) -> String {
        let version = match self {
            Self::Version(version) => format!("{}[.+-]", version.replace('.', "\\.").replace('+', "\\+")),
            Self::Suite(_) => "[0-9]".to_owned(),
        };
        format!("^linux-(image|binary)-{version}.*cloud-{architecture}$")
    }
}

/// The packages that have a kernel. The first has it where both are there.
const PREFIXES: [&str; 2] = ["linux-binary-", "linux-image-"];

/// The package with the newest kernel, of the lines that `apt-cache search` prints.
pub fn newest(lines: &str) -> Option<&str> {
    let names = lines.lines().filter_map(|line| line.split_whitespace().next());
    names.max_by_key(|name| (numbers(name), name.starts_with(PREFIXES[0])))
}

/// The name of the kernel in a package: its release.
pub fn kernel_of(package: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| package.strip_prefix(prefix)).unwrap_or(package)
}

/// The numbers in a name: 6.1.0-56 is newer than 6.1.0-9.
fn numbers(name: &str) -> Vec<u64> {
    let digits = name.split(|one: char| !one.is_ascii_digit()).filter(|digits| !digits.is_empty());
    digits.map(|digits| digits.parse().unwrap_or(u64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_version_or_a_suite() {
        let version = |name: &str| Some(DebianKernel::Version(name.to_owned()));
        let suite = |name: &str| Some(DebianKernel::Suite(name.to_owned()));
        let rows = [
            ("6.1", version("6.1")),
            ("sid", suite("sid")),
            ("bookworm-backports", suite("bookworm-backports")),
            ("", None),
            ("-o", None),
            ("Sid", None),
            ("sid main\ndeb", None),
            ("../x", None),
        ];
        for (name, expected) in rows {
            assert_eq!(DebianKernel::parse(name), expected, "{name}");
        }
    }

    #[test]
    fn packages_are_found_by_their_name() {
        let version = DebianKernel::Version("6.1".to_owned());
        assert_eq!(version.packages("amd64"), r"^linux-(image|binary)-6\.1[.+-].*cloud-amd64$");
        assert_eq!(
            DebianKernel::Suite("sid".to_owned()).packages("arm64"),
            "^linux-(image|binary)-[0-9].*cloud-arm64$"
        );
        let found = "linux-image-6.1.0-9-cloud-amd64 - Linux 6.1\nlinux-image-6.1.0-56-cloud-amd64 - Linux 6.1\n";
        assert_eq!(newest(found), Some("linux-image-6.1.0-56-cloud-amd64"));
        let split =
            "linux-binary-7.2.1-cloud-amd64 - x\nlinux-image-7.2.1-cloud-amd64 - x\nlinux-image-6.9-cloud-amd64\n";
        assert_eq!(newest(split).map(kernel_of), Some("7.2.1-cloud-amd64"));
        assert_eq!(newest(split), Some("linux-binary-7.2.1-cloud-amd64"));
        assert_eq!(newest(""), None);
    }
}
