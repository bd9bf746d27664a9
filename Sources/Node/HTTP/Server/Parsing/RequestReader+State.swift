extension RequestReader {
    enum State {
        case reading
        /// A handshake waits for its turn or its answer. Bytes are buffered, and neither decoded nor read.
        case paused
        /// Later bytes are dropped, and nothing is read. The last answer has not been sent.
        case ended
        /// Bytes are read and dropped until the client closes its half. Closing a socket with unread bytes could discard the
        /// last answer.
        /// - Parameter dropped: number of bytes since the last read.
        case lingering(dropped: Int)
        /// The remaining bytes are for the WebSocket.
        case leaving
    }

    /// The end of the client's half.
    enum InputEnd {
        case open
        case ended
        /// The next handlers know.
        case reported
    }
}
