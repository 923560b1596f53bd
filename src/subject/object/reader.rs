//! Reads the records of an object in its own thread.
//!
//! I/O: waits for the ring or the perf buffer, and for the request to stop. It then reads what is left before it ends.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use libbpf_rs::{MapHandle, PerfBuffer, PerfBufferBuilder, RingBuffer, RingBufferBuilder};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::time::{ClockId, clock_gettime};

use super::decode::{BufferKind, ObjectDecoder};
use super::merge::Merge;
use crate::base::error::Error;
use crate::subject::collector::Collector;
use crate::subject::toml::RecordFormat;
use crate::watch::tracer::refused;

/// An object may ask the kernel not to wake its reader. The buffer is then read at this period.
const UNWOKEN: u16 = 20;
/// The period while records wait for older ones.
const HOLDING: u16 = 1;
/// The pages of each CPU's perf buffer.
const PAGES: usize = 256;
/// The longest time that the thread may read after the request to stop.
const LONGEST: Duration = Duration::from_secs(10);

/// The thread, which ends when this is dropped.
pub struct RingReader {
    wake: Arc<EventFd>,
    stops: Arc<AtomicBool>,
}

impl RingReader {
    /// Starts to read. The thread reports its end to the collector.
    pub fn start(
        ring: &MapHandle,
        source: BufferKind,
        records: &RecordFormat,
        to: Arc<Collector>,
    ) -> Result<Self, Error> {
        let failed = |error: Errno| refused("the records of an object cannot be read", &error);
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).map_err(failed)?);
        let stops = Arc::new(AtomicBool::new(false));
        let of_libbpf = |error: libbpf_rs::Error| refused("the map of an object's records cannot be read", &error);
        let ring = MapHandle::try_from(ring).map_err(of_libbpf)?;
        let (of_thread, its_stops) = (Arc::clone(&wake), Arc::clone(&stops));
        let decoder = ObjectDecoder::new(records.clone(), source);
        let (ready, is_ready) = mpsc::channel();
        let work = move || {
            let end = Arc::clone(&to);
            let inbox = RefCell::new(RingInbox { decoder, merge: Merge::default(), to });
            match Buffer::open(&ring, source, &inbox, &its_stops) {
                Ok(buffer) => {
                    let _ = ready.send(Ok(()));
                    run(&buffer, &inbox, &of_thread, &its_stops);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
            end.end();
        };
        std::thread::Builder::new()
            .name("object".to_owned())
            .spawn(work)
            .map_err(|error| refused("there is no thread for the records of an object", &error))?;
        match is_ready.recv() {
            Ok(Ok(())) => Ok(Self { wake, stops }),
            Ok(Err(error)) => Err(of_libbpf(error)),
            Err(_) => Err(failed(Errno::ESRCH)),
        }
    }

    /// Asks the thread to read what is left, and to end.
    pub fn stop(&self) {
        self.stops.store(true, Ordering::Release);
        let _ = self.wake.write(1);
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where records go.
struct RingInbox {
    decoder: ObjectDecoder,
    merge: Merge,
    to: Arc<Collector>,
}

impl RingInbox {
    /// Records of a ring are in order.
    fn take(&mut self, record: &[u8]) {
        // A record takes more memory as values than as bytes.
        let size = 8 * record.len() + 256;
        self.to.push(self.decoder.take(record).into_iter().map(|line| (line, size)));
    }

    /// Records of a CPU's buffer may have to wait.
    fn hold(&mut self, record: &[u8]) {
        let soon = now_ns() + Duration::from_secs(1).as_nanos() as u64;
        // A time from another clock gives no order.
        match self.decoder.time(record).filter(|&time| time < soon) {
            Some(time) => self.merge.push(time, record),
            None => self.take(record),
        }
    }

    fn release(&mut self, before: u64) {
        for record in self.merge.before(before) {
            self.take(&record);
        }
    }

    fn end(&mut self) {
        self.release(u64::MAX);
        let lines = self.decoder.end();
        self.to.push(lines.into_iter().map(|line| (line, 256)));
    }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    now.as_nanos() as u64
}

enum Buffer<'b> {
    Ring(RingBuffer<'b>),
    Perf(PerfBuffer<'b>),
}

impl<'b> Buffer<'b> {
    fn open(
        map: &MapHandle,
        source: BufferKind,
        inbox: &'b RefCell<RingInbox>,
        stops: &'b AtomicBool,
    ) -> Result<Self, libbpf_rs::Error> {
        match source {
            BufferKind::Ring => {
                let mut builder = RingBufferBuilder::new();
                let mut end = None;
                // Without this limit, a writer that fills the ring as fast as it is read would keep the thread for ever.
                let is_over = move || {
                    stops.load(Ordering::Acquire)
                        && *end.get_or_insert_with(|| Instant::now() + LONGEST) < Instant::now()
                };
                let mut is_over = is_over;
                builder.add(map, move |record| {
                    inbox.borrow_mut().take(record);
                    if is_over() { -libc::ETIME } else { 0 }
                })?;
                Ok(Self::Ring(builder.build()?))
            }
            BufferKind::Perf => {
                let builder = PerfBufferBuilder::new(map).pages(PAGES);
                let builder = builder.sample_cb(|_, record| inbox.borrow_mut().hold(record));
                let builder = builder.lost_cb(|_, count| inbox.borrow().to.lost(count));
                Ok(Self::Perf(builder.build()?))
            }
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        let fd = match self {
            Self::Ring(ring) => ring.epoll_fd(),
            Self::Perf(perf) => perf.epoll_fd(),
        };
        // SAFETY: libbpf keeps it open as long as the buffer exists.
        unsafe { BorrowedFd::borrow_raw(fd) }
    }

    /// Reads all available records. Polling first clears the notification.
    fn read(&self) {
        let _ = match self {
            Self::Ring(ring) => ring.consume(),
            Self::Perf(perf) => perf.poll(Duration::ZERO).and_then(|()| perf.consume()),
        };
    }
}

fn run(buffer: &Buffer<'_>, inbox: &RefCell<RingInbox>, wake: &EventFd, stops: &AtomicBool) {
    let mut before = 0;
    loop {
        let stops = stops.load(Ordering::Acquire);
        let began = now_ns();
        buffer.read();
        if stops {
            break;
        }
        // Everything older than the last round has been read from every CPU.
        inbox.borrow_mut().release(before);
        before = began;
        let wait = if inbox.borrow().merge.is_empty() { UNWOKEN } else { HOLDING };
        let mut fds = [PollFd::new(buffer.fd(), PollFlags::POLLIN), PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::from(wait));
    }
    inbox.borrow_mut().end();
}
