import Glibc
import Wire

/// The kernel's CLOCK_MONOTONIC.
package enum MonotonicClock {
    /// Returns the time in nanoseconds since the machine started.
    package static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// Wall-clock time, and its local calendar form for log lines.
package struct WallTime: Equatable, Sendable {
    /// Whole seconds since 1970-01-01 UTC.
    package let seconds: Int64
    /// Microseconds within the second, 0 to 999,999.
    package let microseconds: Int32

    /// Creates the time `seconds` and `microseconds` after 1970-01-01 UTC.
    package init(seconds: Int64, microseconds: Int32) {
        self.seconds = seconds
        self.microseconds = microseconds
    }

    /// Returns the current value of CLOCK_REALTIME.
    package static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: Int64(time.tv_sec), microseconds: Int32(time.tv_nsec / 1000))
    }

    /// Milliseconds since 1970-01-01 UTC; 0 before it.
    package var unixMilliseconds: UInt64 { UInt64(max(0, seconds)) * 1_000 + UInt64(max(0, microseconds)) / 1_000 }

    /// The date and time of day in the process's time zone.
    package var local: LocalTime {
        var moment = time_t(seconds)
        var fields = tm()
        localtime_r(&moment, &fields)
        return LocalTime(
            year: Int(fields.tm_year) + 1900, month: Int(fields.tm_mon) + 1, day: Int(fields.tm_mday), hour: Int(fields.tm_hour),
            minute: Int(fields.tm_min), second: Int(fields.tm_sec))
    }
}

/// A calendar date and time of day.
package struct LocalTime: Equatable, Sendable {
    /// The year, 2026.
    package let year: Int
    /// The month, 1 to 12.
    package let month: Int
    /// The day of the month, 1 to 31.
    package let day: Int
    /// The hour, 0 to 23.
    package let hour: Int
    /// The minute, 0 to 59.
    package let minute: Int
    /// The second, 0 to 60.
    package let second: Int

    /// Creates a date and time from its parts.
    package init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }
}
