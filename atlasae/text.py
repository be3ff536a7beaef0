"""Names of files and branches as text: they may hold any character."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The same text, with escapes in place of characters that do not print, such as line ends.

    Example:
        >>> printable("Jet_pt\n"), printable("naïve")
        ('Jet_pt\\n', 'naïve')
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shortened(text: str, most: int) -> str:
    """The same text, or its beginning and end if it has more than ``most`` characters.

    Example:
        >>> shortened("a_feature_with_a_long_name", 15)
        'a_featu...name'
    """
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}...{text[-(most // 2 - 3) :]}"
