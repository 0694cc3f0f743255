/* page.S - the parts of the page, as they are in their files, in the program; each ends with a 0 */
    .section .rodata

    .global page_html
page_html:
    .incbin "tools/report/page.html"
    .byte 0

    .global page_css
page_css:
    .incbin "tools/report/page.css"
    .byte 0

    .global page_script
page_script:
    .incbin "tools/report/page_model.js"
    .incbin "tools/report/page_curve.js"
    .incbin "tools/report/page_maps.js"
    .incbin "tools/report/page_elements.js"
    .incbin "tools/report/page_step.js"
    .incbin "tools/report/page.js"
    .byte 0

    .section .note.GNU-stack, "", %progbits
