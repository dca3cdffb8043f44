"""Small films for tests."""

from fractions import Fraction

import av
import numpy as np


def picture(number, size=(64, 48)):
    """(H, W, 3) uint8: noise that no codec makes small, and a green patch at the top left."""
    image = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image[:12, :16] = 0, 255, 0
    return image


def make_film(path, frames=30, size=(64, 48), codec="libx264", sound=False, options=None):
    """Write a film of ``picture``."""
    with av.open(str(path), "w", options=options or {}) as film:
        video = film.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        tone = add_sound(film) if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            film.mux(video.encode(frame))
        film.mux(video.encode())
        if tone:
            write_tone(film, tone, frames / 25)
    return path


def add_sound(film):
    tone = film.add_stream("aac", rate=44100)
    tone.layout = "mono"
    return tone


def write_tone(film, tone, seconds):
    samples = np.sin(np.arange(int(44100 * seconds)) / 20).astype(np.float32)[None]
    for start in range(0, samples.shape[1] - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="fltp",
                                           layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        film.mux(tone.encode(frame))
    film.mux(tone.encode())


def turned(path, matrix):
    """Store in an MP4 file that x' = a x + c y, y' = b x + d y shows it upright."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    stored = np.zeros(9, ">i4")
    stored[[0, 1, 3, 4]] = np.array(matrix) * 65536
    stored[8] = 1 << 30
    data[at : at + 36] = stored.tobytes()
    path.write_bytes(data)
    return path


def cut(path, share, out):
    """Write the first part of a file."""
    data = path.read_bytes()
    out.write_bytes(data[: int(len(data) * share)])
    return out
