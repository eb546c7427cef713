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
    for paths, error, text in (
        (['gone'], FileNotFoundError, 'gone does not exist'),
        ([empty], FileNotFoundError, 'holds no image and no video'),
        ([clip, clip.parent], ValueError, "would both be called 'five'"),
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
