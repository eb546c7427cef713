import cv2
import numpy as np
import pytest

from mmseg_labelfree.engine.inference.media import find_media


@pytest.fixture
def clip(tmp_path):
    """A video of five frames, brighter and brighter."""
    path = tmp_path / 'clips' / 'five.avi'
    path.parent.mkdir()
    code = cv2.VideoWriter.fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), code, 10, (64, 48))
    for step in range(5):
        writer.write(np.full((48, 64, 3), 40 * step, np.uint8))
    writer.release()
    return path


def test_a_folder_of_images_and_videos(clip):
    cv2.imwrite(str(clip.parent / 'b.PNG'), np.zeros((4, 6, 3), np.uint8))
    image, video = find_media([clip.parent])
    assert (image.name, len(image), image.is_video) == ('b', 1, False)
    assert (video.name, len(video), video.rate) == ('five', 5, 10)
    frames = list(video.frames())
    assert [f.name for f in frames] == [f'five/{k:06d}' for k in range(5)]
    means = [f.image.mean() for f in frames]
    np.testing.assert_allclose(means, [0, 40, 80, 120, 160], atol=3)
    assert [f.image for f in image.frames()] == [clip.parent / 'b.PNG']


def test_what_cannot_be_predicted(clip, tmp_path):
    empty = tmp_path / 'empty'
    empty.mkdir()
    (clip.parent / 'five').mkdir()
    cv2.imwrite(str(clip.parent / 'five/000003.png'), np.zeros((4, 6, 3), np.uint8))
    cv2.imwrite(str(clip.parent / 'five/cover.png'), np.zeros((4, 6, 3), np.uint8))
    for paths, error, text in (
        (['gone'], FileNotFoundError, 'gone does not exist'),
        ([empty], FileNotFoundError, 'holds no image and no video'),
        ([clip, clip.parent], ValueError, "would both be called 'five'"),
        ([tmp_path], ValueError, "would both be called 'clips/five/000003'"),
    ):
        with pytest.raises(error, match=text):
            find_media(paths)
    notes = tmp_path / 'notes.txt'
    notes.touch()
    with pytest.raises(ValueError, match='notes.txt is neither an image'):
        find_media([notes])
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='broken.mp4 cannot be read as a video'):
        len(find_media([broken])[0])


def test_earlier_results_are_left_out(clip):
    for name in ('b.png', 'out/masks/b.png', 'out/overlays/b.jpg', 'masks/c.png'):
        path = clip.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((4, 6, 3), np.uint8))
    results = [clip.parent / 'out' / kind for kind in ('masks', 'overlays')]
    found = [media.name for media in find_media([clip.parent], results)]
    assert found == ['b', 'five', 'masks/c']
    assert [m.name for m in find_media([results[1]], results[:1])] == ['b']


def test_videos_without_a_length_and_damaged_ones(tmp_path):
    path = tmp_path / 'live.webm'  # as a browser records it
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'VP80'), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no .webm')
    for _ in range(30):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    content = bytearray(path.read_bytes())
    place = content.index(b'\x44\x89')  # the duration becomes a void of its size
    size = content[place + 2] & 0x7F
    void = bytes([0xEC, 0x80 | (size + 1)]) + bytes(size + 1)
    content[place : place + len(void)] = void
    path.write_bytes(content)
    (video,) = find_media([path])
    assert (len(video), sum(1 for _ in video.frames())) == (0, 30)

    long = tmp_path / 'long.avi'
    writer = cv2.VideoWriter(str(long), cv2.VideoWriter.fourcc(*'MJPG'), 5, (64, 48))
    rng = np.random.default_rng(0)
    for image in rng.integers(0, 256, (20, 48, 64, 3)).astype(np.uint8):
        writer.write(image)
    writer.release()
    long.write_bytes(long.read_bytes()[: long.stat().st_size // 2])
    (video,) = find_media([long])
    with pytest.warns(UserWarning, match=r'long.avi has 20 frames by its head, of whi'):
        assert 0 < sum(1 for _ in video.frames()) < 15
