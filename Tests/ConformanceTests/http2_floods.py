"""Many frames: see http2_case.py."""

from http2_case import case, echoes, echoes_or_ends, ends, on_path, open_socket
from http2_frames import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, GET, HEADERS, INITIAL_WINDOW, PADDED, PING,
    POST, PRIORITY, PROTOCOL_ERROR, REFUSED_STREAM, SETTINGS, WEBSOCKET, frame, headers, literals, reset, setting, text_message, window)


@case(seconds=10)
def rapid_reset(peer):
    """CVE-2023-44487."""
    for stream in range(1, 200001, 2):
        if peer.ended or not peer.send(headers(stream, GET) + reset(stream)):
            break
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=10)
def rapid_reset_of_websockets(peer):
    for stream in range(1, 200001, 2):
        if peer.ended or not peer.send(headers(stream, WEBSOCKET, END_HEADERS) + reset(stream)):
            break
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=10)
def made_you_reset(peer):
    """CVE-2025-8671: the client makes the node reset streams, by windows that overflow."""
    for stream in range(1, 20001, 2):
        if peer.ended or not peer.send(headers(stream, WEBSOCKET, END_HEADERS) + window(stream, 2 ** 31 - 1)):
            break
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=10)
def made_you_reset_by_malformed_requests(peer):
    for stream in range(1, 20001, 2):
        if peer.ended or not peer.send(headers(stream, [*GET, ("Capital", "x")])):
            break
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=15)
def made_you_reset_by_refused_handshakes(peer):
    """Each is answered with 404 and RST_STREAM(NO_ERROR): no error of the client's. The node only has to survive."""
    for stream in range(1, 2001, 2):
        if peer.ended or not peer.send(headers(stream, on_path("/nothing"), END_HEADERS)):
            break
        if stream % 400 == 1:
            peer.until("answers", lambda: peer.ended or stream in peer.statuses or stream in peer.resets)


@case(seconds=5)
def continuation_flood(peer):
    """CVE-2024-27316."""
    peer.send(frame(HEADERS, END_STREAM, 1, literals(GET)))
    peer.flood(frame(CONTINUATION, 0, 1, literals([("a", "b")])) * 100, 1000)
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=5)
def empty_continuation_flood(peer):
    peer.send(frame(HEADERS, END_STREAM, 1, literals(GET)))
    peer.flood(frame(CONTINUATION, 0, 1) * 100, 1000)
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=5)
def ping_flood(peer):
    """CVE-2019-9512."""
    peer.flood(frame(PING, 0, 0, bytes(8)) * 100, 1000)
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=8)
def ping_acknowledgment_flood(peer):
    peer.flood(frame(PING, ACK, 0, bytes(8)) * 100, 1000)
    peer.until("calm or an answer", lambda: peer.ended or peer.send(headers(1, GET)) and 1 in peer.statuses)


@case(seconds=5)
def settings_flood(peer):
    """CVE-2019-9515."""
    peer.flood(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 65535)) * 100, 1000)
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=5)
def settings_of_many_values(peer):
    """Two frames, each with 2,730 other windows, and 50 streams that must be told of each."""
    for stream in range(1, 101, 2):
        peer.send(headers(stream, WEBSOCKET, END_HEADERS))
    peer.until("50 WebSockets", lambda: len(peer.statuses) == 50)
    values = b"".join(setting(INITIAL_WINDOW, 65535 + number % 7) for number in range(2730))
    peer.flood(frame(SETTINGS, 0, 0, values), 2)
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=5)
def priority_flood(peer):
    """CVE-2019-9513."""
    peer.flood(frame(PRIORITY, 0, 3, bytes(5)) * 100, 1000)
    ends(peer, ENHANCE_YOUR_CALM)


@case(seconds=8)
def window_update_flood(peer):
    """Not limited; it must cost little."""
    open_socket(peer)
    peer.flood(window(0, 1) * 500 + window(1, 1) * 500, 20)
    echoes_or_ends(peer)


@case(seconds=8)
def empty_data_flood(peer):
    """CVE-2019-9518. Not limited, because some clients send empty frames; it must cost little."""
    open_socket(peer)
    peer.flood(frame(DATA, 0, 1) * 100, 100)
    echoes_or_ends(peer)


@case(seconds=8)
def end_of_a_socket_whose_window_is_negative(peer):
    """Its last frame has no data, needs no window, and once ended the process."""
    open_socket(peer)
    open_socket(peer, 3)
    peer.send(frame(DATA, 0, 1, text_message(b"x" * 1000)))
    peer.until("the echo", lambda: len(peer.data.get(1, b"")) >= 1000)
    peer.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 0)))
    peer.send(frame(DATA, END_STREAM, 1, b"\x8a\x80" + bytes(4)))
    peer.until("the end", lambda: 1 in peer.finished)
    peer.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 65535)))
    peer.send(frame(DATA, 0, 3, text_message(b"hello")))
    peer.until("the other echo", lambda: len(peer.data.get(3, b"")) >= 7)


@case(seconds=8)
def padded_empty_data_flood(peer):
    """Empty, but for 255 bytes of padding, which count for the window."""
    open_socket(peer)
    peer.flood(frame(DATA, PADDED, 1, b"\xff" + bytes(255)) * 100, 10)
    echoes_or_ends(peer)


@case(seconds=8)
def padded_data_gives_its_window_back(peer):
    """1,000 messages of 5 bytes with 255 bytes of padding: four windows of a stream."""
    open_socket(peer)
    message = frame(DATA, PADDED, 1, b"\xff" + text_message(b"hello") + bytes(255))
    for number in range(1, 1001):
        peer.send(message)
        if number % 100 == 0:
            peer.until(f"{number} echoes", lambda: peer.ended or len(peer.data.get(1, b"")) >= 7 * number)
            peer.send(window(1, 700) + window(0, 700))
    assert not peer.ended, peer


@case(seconds=8)
def one_byte_in_each_frame(peer):
    open_socket(peer)
    for _ in range(15):
        peer.send(b"".join(frame(DATA, 0, 1, bytes([byte])) for byte in text_message(b"x" * 94)))
    peer.until("15 echoes", lambda: peer.data.get(1, b"").count(b"x" * 94) == 15)


@case(seconds=5)
def thousands_of_tiny_frames(peer):
    open_socket(peer)
    for _ in range(25):
        peer.send(b"".join(frame(DATA, 0, 1, bytes([byte])) for byte in text_message(b"x" * 94)))
    peer.until("25 echoes", lambda: peer.data.get(1, b"").count(b"x" * 94) == 25)


def fill_with_echoes(peer):
    """Echoes fill the window of the connection, the stream is not writable any more, and the node does not read it."""
    for number in range(1, 11):
        # The answer to a ping means that the node has given the stream what came before, and so has given back its window.
        peer.send(frame(DATA, 0, 1, text_message(b"x" * 15000)) + frame(PING, 0, 0, bytes(8)))
        peer.until("a ping's answer", lambda: peer.counts.get(PING, 0) >= number)
    assert len(peer.data[1]) == 65535, "the window of the connection is not used up"


def flood_unread_stream(peer, data, times, texts=0):
    """In the end, when the client takes them, all echoes come: also those of the empty texts in the flood."""
    open_socket(peer)
    fill_with_echoes(peer)
    peer.flood(data, times)
    peer.send(window(0, 2 ** 22) + window(1, 2 ** 22))
    count = 10 * 15004 + 2 * texts
    peer.until(f"{count} bytes of echoes", lambda: len(peer.data[1]) == count, 15)


@case(seconds=20)
def window_updates_for_a_stream_that_is_not_read(peer):
    flood_unread_stream(peer, window(1, 1) * 1000, 10)


@case(seconds=20)
def frames_of_6_bytes_for_a_stream_that_is_not_read(peer):
    """Each with memory of its own would be many times the window."""
    flood_unread_stream(peer, frame(DATA, 0, 1, text_message(b"")) * 2000, 1, texts=2000)


@case(seconds=20)
def small_frames_between_large_ones_for_a_stream_that_is_not_read(peer):
    """Each small one is in a read of 64 KiB of frames that are ignored."""
    flood_unread_stream(peer, frame(0xFA, 0, 0, bytes(16384)) * 4 + frame(DATA, 0, 1, text_message(b"")), 2000, texts=2000)


@case(seconds=10)
def reads_that_end_inside_a_frame(peer):
    """150 MiB, of which no read ends with a frame."""
    open_socket(peer)
    block = frame(0xFA, 0, 0, bytes(16384)) * 6
    peer.send(block[:100])
    peer.flood(block[100:] + block[:100], 1600)
    peer.send(block[100:])
    echoes(peer, 1)


@case(seconds=8)
def thousands_of_frames_behind_a_handshake(peer):
    """Whether the client may subscribe is found out first, and its frames wait meanwhile."""
    peer.send(headers(1, on_path("/ws?topics=news"), END_HEADERS)
              + b"".join(frame(DATA, 0, 1, bytes([byte])) for byte in text_message(b"x" * 60000)))
    peer.until("an answer", lambda: peer.ended or 1 in peer.statuses or 1 in peer.resets)


@case(seconds=6)
def more_than_the_window(peer):
    """The node's window of a stream is 65,535 bytes, and nobody reads this one's."""
    peer.send(headers(1, POST, END_HEADERS))
    for _ in range(200):
        peer.send(frame(DATA, 0, 1, bytes(16384)))
    peer.until("a reset or the end", lambda: peer.ended or 1 in peer.resets)


@case(seconds=6)
def window_overflow_of_a_stream(peer):
    open_socket(peer, 1)
    open_socket(peer, 3)
    peer.send(window(1, 2 ** 31 - 1))
    peer.until("a reset or the end", lambda: peer.ended or peer.resets.get(1) == FLOW_CONTROL_ERROR)
    echoes(peer, 3)


@case()
def window_overflow_of_the_connection(peer):
    peer.send(window(0, 2 ** 31 - 1))
    ends(peer, FLOW_CONTROL_ERROR)


@case()
def window_updates_of_0(peer):
    open_socket(peer)
    peer.send(window(1, 0))
    peer.until("a reset or the end", lambda: peer.ended or peer.resets.get(1) == PROTOCOL_ERROR)


@case(seconds=10)
def more_streams_than_allowed(peer):
    """5.1.2 allows an error of the stream or of the connection."""
    for stream in range(1, 2401, 2):
        peer.send(headers(stream, WEBSOCKET, END_HEADERS))
    peer.until("the end, or refusals", lambda: peer.ended or REFUSED_STREAM in peer.resets.values()
               or PROTOCOL_ERROR in peer.resets.values(), 8)


@case(seconds=10)
def more_requests_than_allowed(peer):
    """128 at once; the others can be sent again, and the connection lives."""
    open_socket(peer)
    for stream in range(3, 603, 2):
        peer.send(headers(stream, POST, END_HEADERS))
    peer.until("refusals", lambda: list(peer.resets.values()).count(REFUSED_STREAM) >= 100)
    echoes(peer, 1)
